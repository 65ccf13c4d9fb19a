"""Why a reply ended: stop reasons of the Messages API, both ways."""

from omnillm.model.response import FinishReason
from omnillm.protocols.loss import Losses

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


def read_finish(stop_reason: str) -> tuple[FinishReason, str]:
    """Return the reason, and the word itself where it says more."""
    reason = _READ.get(stop_reason, FinishReason.OTHER)
    return reason, "" if reason in _WRITTEN else stop_reason


def write_finish(reason: FinishReason, losses: Losses, path: str, *, has_tool_call: bool = False) -> str:
    if has_tool_call and reason is FinishReason.STOP:
        return "tool_use"
    word = _WRITTEN.get(reason)
    if word is None:
        word = _NEAR.get(reason, "end_turn")
        losses.approximate(path, f"said as {word}")
    return word
