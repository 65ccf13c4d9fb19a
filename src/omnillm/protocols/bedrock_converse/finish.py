"""Why a reply ended: Converse's stop reasons."""

from omnillm.model.response import FinishReason

_READ = {
    "end_turn": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALL,
    "max_tokens": FinishReason.LENGTH,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "malformed_tool_use": FinishReason.MALFORMED_TOOL_CALL,
    "model_context_window_exceeded": FinishReason.CONTEXT_LENGTH,
    "refusal": FinishReason.REFUSAL,
    "malformed_model_output": FinishReason.ERROR,
}
_TELLING = frozenset({"guardrail_intervened", "malformed_model_output"})


def read_finish(stop_reason: str) -> tuple[FinishReason, str]:
    """Return the reason, and the word itself where it says more."""
    reason = _READ.get(stop_reason, FinishReason.OTHER)
    return reason, stop_reason if reason is FinishReason.OTHER or stop_reason in _TELLING else ""
