"""Why a reply ended: stop reasons of the Messages API, both ways."""

from collections.abc import Set as AbstractSet
from typing import Final

from omnillm.model.message import Refusal, ToolCall
from omnillm.model.response import FinishReason
from omnillm.protocols.anthropic_messages.place import Place

_READ = {
    "end_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "tool_use": FinishReason.TOOL_CALL,
    "pause_turn": FinishReason.PAUSE,
    "refusal": FinishReason.REFUSAL,
    "model_context_window_exceeded": FinishReason.CONTEXT_LENGTH,
    "compaction": FinishReason.COMPACTION,
}
_WRITTEN: dict[FinishReason, str] = {reason: word for word, reason in _READ.items() if reason is not FinishReason.COMPACTION}
"""A compaction is a word of the beta alone: clients of the Messages API do not know it."""
_NEAR = {FinishReason.CONTENT_FILTER: "refusal"}
"""The nearest word for what the Messages API cannot say; all else is the end of the turn."""
_STOP: Final = FinishReason.STOP
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""


def read_finish(stop_reason: str) -> tuple[FinishReason, str]:
    """Return the reason, and the word itself where it says more."""
    reason = _READ.get(stop_reason, FinishReason.OTHER)
    return reason, "" if reason in _WRITTEN else stop_reason


def write_finish(reason: FinishReason, native: str, kinds: AbstractSet[type], place: Place) -> str:
    """`native`: what the provider called it. `kinds`: of the parts that were said."""
    if place.is_own and native:
        return native
    if reason is _STOP and kinds:
        if Refusal in kinds:
            return "refusal"
        if ToolCall in kinds and not place.is_own:
            return "tool_use"
    word = _WRITTEN.get(reason)
    if word is None:
        word = _NEAR.get(reason, "end_turn")
        place.losses.approximate("candidates[0].finish_reason", f"said as {word}")
    return word
