"""What the members of a body said so far, one by one, by the names of the canonical fields. Chat and Responses are read so."""

from collections.abc import Callable
from typing import Any

from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet, PromptCachePolicy
from omnillm.model.request import NO_GENERATION, GenerationConfig
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.prompt_cache import POLICY
from omnillm.protocols.shapes import flag, number, text, text_mapping

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

    def read(self, body: dict[str, Any], members: "dict[str, Read]") -> None:
        """Read the members that have a reader; the others are vendor extensions. A null says nothing."""
        for name, value in body.items():
            if value is None:
                continue
            read = members.get(name)
            if read is None:
                self.extensions[name] = value
            else:
                read(self, value)

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


def _read_safety_identifier(draft: Draft, value: Any) -> None:
    """It wins over its deprecated name, `user`, which then stands beside it."""
    before = draft.fields.get("user_id")
    if said := text(value, "safety_identifier"):
        draft.fields["user_id"] = said
        if before and before != said:
            draft.extensions["user"] = before


def _read_user(draft: Draft, value: Any) -> None:
    said = text(value, "user")
    if said and draft.fields.setdefault("user_id", said) != said:
        draft.extensions["user"] = said


SHARED: dict[str, Read] = {
    "stream": to_field("is_stream", "stream", flag),
    "store": to_field("store", "store", flag),
    "metadata": to_field("metadata", "metadata", text_mapping),
    "user": _read_user,
    "safety_identifier": _read_safety_identifier,
    "temperature": to_generation("temperature", number),
    "top_p": to_generation("top_p", number),
    "service_tier": to_generation("service_tier", text),
    "parallel_tool_calls": to_capability("parallel_tool_calls", flag),
    **dict.fromkeys(POLICY, read_elsewhere),
}
"""Members that are the same in both protocols."""
