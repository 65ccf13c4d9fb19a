"""What the members of a body said so far, one by one, by the names of the canonical fields. Chat and Responses are read so."""

from collections.abc import Callable
from typing import Any

from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet, PromptCachePolicy
from omnillm.model.request import NO_GENERATION, GenerationConfig
from omnillm.protocols.loss import Losses

Convert = Callable[[Any, str], Any]
"""Takes a value and its path."""


class Draft:
    __slots__ = ("capabilities", "extensions", "fields", "generation", "losses")

    def __init__(self, losses: Losses) -> None:
        self.losses = losses
        self.fields: dict[str, Any] = {}
        self.generation: dict[str, Any] = {}
        self.capabilities: dict[str, Any] = {}
        self.extensions: dict[str, Any] = {}

    def capability_set(self, policy: PromptCachePolicy | None) -> CapabilitySet:
        if policy is not None:
            self.capabilities["prompt_cache"] = policy
        return CapabilitySet(**self.capabilities) if self.capabilities else NO_CAPABILITIES

    def generation_config(self) -> GenerationConfig:
        return GenerationConfig(**self.generation) if self.generation else NO_GENERATION


Read = Callable[[Draft, Any], None]
"""Reads the value of one member, which is not null."""


def read_elsewhere(draft: Draft, value: Any) -> None:
    """Of a member that is read together with others."""


def to_field(field: str, member: str, convert: Convert) -> Read:
    def read(draft: Draft, value: Any) -> None:
        draft.fields[field] = convert(value, member)

    return read


def to_generation(member: str, convert: Convert) -> Read:
    def read(draft: Draft, value: Any) -> None:
        draft.generation[member] = convert(value, member)

    return read


def to_capability(member: str, convert: Convert) -> Read:
    def read(draft: Draft, value: Any) -> None:
        draft.capabilities[member] = convert(value, member)

    return read
