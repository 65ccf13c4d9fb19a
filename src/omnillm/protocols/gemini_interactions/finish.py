"""How an interaction ended: `status` to the canonical reasons and back."""

from omnillm.model.response import FinishReason
from omnillm.protocols.loss import Losses

FAILED = "failed"
_READ = {
    "requires_action": FinishReason.TOOL_CALL,
    "incomplete": FinishReason.LENGTH,
    "requires_continuation": FinishReason.PAUSE,
    "cancelled": FinishReason.CANCELLED,
    FAILED: FinishReason.ERROR,
}
_STATUSES = frozenset({*_READ, "completed", "in_progress", "budget_exceeded", "queued", "idle"})
_WRITTEN = {
    FinishReason.TOOL_CALL: "requires_action",
    FinishReason.LENGTH: "incomplete",
    FinishReason.CONTEXT_LENGTH: "incomplete",
    FinishReason.CONTENT_FILTER: "incomplete",
    FinishReason.PAUSE: "incomplete",
    FinishReason.OTHER: "incomplete",
    FinishReason.CANCELLED: "cancelled",
    FinishReason.MALFORMED_TOOL_CALL: FAILED,
    FinishReason.ERROR: FAILED,
}
"""A pause is no `requires_continuation`: that is gone on from by a token, which its own provider alone gives."""


def read_finish(status: str, *, has_call: bool) -> tuple[FinishReason, str]:
    """Return the reason, and the native word where it says more."""
    if status in {"completed", ""}:
        return (FinishReason.TOOL_CALL if has_call else FinishReason.STOP), ""
    known = _READ.get(status)
    return (FinishReason.OTHER, status) if known is None else (known, "")


def write_finish(reason: FinishReason, native: str, losses: Losses, *, is_own: bool, has_call: bool) -> str:
    """Return a status that the SDK knows. `native`: the provider's own word, which is one of this protocol's where `is_own`."""
    if is_own and native in _STATUSES:
        status = native
    elif is_own and reason is FinishReason.PAUSE:
        status = "requires_continuation"
    else:
        status = _WRITTEN.get(reason, "completed")
    if status == FAILED and not is_own:
        losses.approximate("candidates[0].finish_reason", "said as failed, by an interaction that names no error")
    elif read_finish(status, has_call=has_call)[0] is not reason:
        losses.approximate("candidates[0].finish_reason", f"{reason.value} is said as {status}")
    return status
