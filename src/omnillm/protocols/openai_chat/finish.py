"""Why an answer ended. What is written is one of the words that the SDK knows."""

from omnillm.model.response import FinishReason
from omnillm.protocols.loss import Losses

_REASONS = {
    "": FinishReason.STOP,
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALL,
    "function_call": FinishReason.TOOL_CALL,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_FOREIGN_REASONS = {
    "eos": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "tool_use": FinishReason.TOOL_CALL,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.CONTEXT_LENGTH,  # Mistral
    "safety": FinishReason.CONTENT_FILTER,
    "recitation": FinishReason.CONTENT_FILTER,
    "insufficient_system_resource": FinishReason.ERROR,  # DeepSeek
    "abort": FinishReason.CANCELLED,  # vLLM
    "cancelled": FinishReason.CANCELLED,
    "error": FinishReason.ERROR,
    "pause_turn": FinishReason.PAUSE,
}
_WORDS = {
    FinishReason.STOP: ("stop", ""),
    FinishReason.STOP_SEQUENCE: ("stop", "Chat does not say which stop sequence"),
    FinishReason.LENGTH: ("length", ""),
    FinishReason.CONTEXT_LENGTH: ("length", "said as length"),
    FinishReason.CONTENT_FILTER: ("content_filter", ""),
    FinishReason.REFUSAL: ("content_filter", "said as content_filter"),
}
_CALLS = frozenset({FinishReason.TOOL_CALL, FinishReason.STOP})


def read_finish(word: str, *, has_calls: bool, is_refused: bool) -> tuple[FinishReason, str]:
    """Return the reason and, where it says more, the provider's own word. Some hosts say "stop", or nothing, after calls.

    `is_refused`: the answer is a refusal, which ends with "stop" too.
    """
    reason, native = _REASONS.get(word), ""
    if reason is None:
        reason, native = _FOREIGN_REASONS.get(word.lower(), FinishReason.OTHER), word
    if (has_calls or is_refused) and reason is FinishReason.STOP:
        reason = FinishReason.TOOL_CALL if has_calls else FinishReason.REFUSAL
    return reason, native


def write_finish(reason: FinishReason, path: str, losses: Losses, *, has_calls: bool, is_refused: bool) -> str:
    if has_calls and reason in _CALLS:
        return "tool_calls"
    if is_refused and reason is FinishReason.REFUSAL:
        return "stop"
    word, loss = _WORDS.get(reason, ("stop", "said as stop"))
    if loss:
        losses.approximate(f"{path}finish_reason", loss)
    return word


def note_unsaid(native: str, stop_sequence: str | None, path: str, losses: Losses) -> None:
    """Tell what an answer's end says beside its reason. `native`: the provider's own word for that."""
    if native:
        losses.drop(f"{path}native_finish_reason", "Chat's reasons are a closed set")
    if stop_sequence is not None:
        losses.drop(f"{path}stop_sequence", "Chat does not say which stop sequence")
