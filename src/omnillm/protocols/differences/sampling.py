"""What chooses among tokens, which OpenAI's models refuse while they reason."""

from typing import Final

from msgspec.structs import replace

from omnillm.model.capabilities import ReasoningCapability
from omnillm.model.request import GenerationConfig
from omnillm.protocols.dialects import OpenAiDialect
from omnillm.protocols.differences.effort import is_off
from omnillm.protocols.loss import Losses

_NOTHING: Final = GenerationConfig()
_REFUSED: Final = {
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "stop": (),
    "logprobs": False,
    "top_logprobs": 0,
    "logit_bias": {},
}
"""With the value that says nothing."""


def takes_sampling(reasoning: ReasoningCapability | None, dialect: OpenAiDialect) -> bool:
    """Tell whether the model will not reason, or takes what chooses among tokens all the same."""
    if dialect.rests is None:
        return True
    if reasoning is None or (not reasoning.mode and not reasoning.effort and reasoning.budget_tokens is None):
        return dialect.rests
    return is_off(reasoning) and dialect.can_stop_thinking


def without_sampling(generation: GenerationConfig, losses: Losses) -> GenerationConfig:
    left = {name: getattr(_NOTHING, name) for name in _REFUSED if getattr(generation, name) != getattr(_NOTHING, name)}
    for name in left:
        if getattr(generation, name) != _REFUSED[name]:
            losses.drop(f"generation.{name}", "the model refuses it while it reasons")
    return replace(generation, **left) if left else generation
