"""Why the model stopped: `finishReason` to the canonical reasons and back."""

from omnillm.model.response import FinishReason
from omnillm.protocols.loss import Losses

UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"
_FILTERS = (
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR"),
)
_MALFORMED = (
    *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
    *("MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE"),
)
_OTHERS = ("OTHER", "LANGUAGE", "IMAGE_OTHER", "NO_IMAGE", "ESCALATION", "PUP_LIMITED_DISABLED")
_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.PAUSE,
    **dict.fromkeys(_FILTERS, FinishReason.CONTENT_FILTER),
    **dict.fromkeys(_MALFORMED, FinishReason.MALFORMED_TOOL_CALL),
    **dict.fromkeys(_OTHERS, FinishReason.OTHER),
}
_SAME = {
    FinishReason.STOP: "STOP",
    FinishReason.TOOL_CALL: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.CONTENT_FILTER: "SAFETY",
    FinishReason.PAUSE: "CONTINUATION",
    FinishReason.MALFORMED_TOOL_CALL: "MALFORMED_FUNCTION_CALL",
    FinishReason.OTHER: "OTHER",
}
_NEAR = {
    FinishReason.STOP_SEQUENCE: "STOP",
    FinishReason.CONTEXT_LENGTH: "MAX_TOKENS",
    FinishReason.REFUSAL: "SAFETY",
    FinishReason.COMPACTION: "STOP",
    FinishReason.CANCELLED: "OTHER",
    FinishReason.ERROR: "OTHER",
}


def read_finish(native: str, *, has_call: bool) -> tuple[FinishReason, str]:
    """Return the reason, and the native word where it says more."""
    reason = _REASONS.get(native, FinishReason.OTHER)
    if reason is FinishReason.STOP:
        return (FinishReason.TOOL_CALL if has_call else reason), ""
    return reason, "" if _SAME[reason] == native else native


def write_finish(reason: FinishReason, native: str, losses: Losses, number: int, *, has_call: bool, has_refusal: bool = False) -> str:
    """Return a word that the SDK knows. A native word of this protocol's stays what it was."""
    if has_refusal and reason is FinishReason.STOP:
        reason, native = FinishReason.REFUSAL, ""  # in the text alone nobody would see it
    if native and _REASONS.get(native) is reason:
        return native
    path = f"candidates[{number}].finish_reason"
    word = _SAME.get(reason)
    if word is None:
        word = _NEAR[reason]
        losses.approximate(path, f"said as {word}")
    elif (reason is FinishReason.TOOL_CALL and not has_call) or (reason is FinishReason.STOP and has_call):
        losses.approximate(path, "Gemini's STOP is what the parts make of it")
    return word
