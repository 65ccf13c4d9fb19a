"""How an answer ended: a status, and for an incomplete one a reason."""

from typing import Any

from omnillm.model.events import Finished
from omnillm.model.message import Refusal, ToolCall
from omnillm.model.response import Candidate, FinishReason
from omnillm.protocols.loss import Losses

_STATUSES = frozenset({"completed", "failed", "in_progress", "cancelled", "queued", "incomplete"})
_INCOMPLETE_REASONS = frozenset({"max_output_tokens", "max_messages", "content_filter", "steered"})
_READ = {"max_output_tokens": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}
_READ_STATUS = {"failed": FinishReason.ERROR, "cancelled": FinishReason.CANCELLED}
_WRITTEN = {
    FinishReason.LENGTH: ("incomplete", "max_output_tokens"),
    FinishReason.CONTEXT_LENGTH: ("incomplete", "max_output_tokens"),
    FinishReason.CONTENT_FILTER: ("incomplete", "content_filter"),
    FinishReason.PAUSE: ("incomplete", ""),
    FinishReason.MALFORMED_TOOL_CALL: ("failed", ""),
    FinishReason.ERROR: ("failed", ""),
    FinishReason.CANCELLED: ("cancelled", ""),
}
_PATH = "candidates[0].finish_reason"


def incomplete_reason(response: dict[str, Any]) -> str:
    details = response.get("incomplete_details")
    reason = details.get("reason") if type(details) is dict else None
    return reason if type(reason) is str else ""


def read_finish(status: str, reason: str, kinds: set[type]) -> tuple[FinishReason, str]:
    """Return the canonical reason, and the provider's own word where that says more. `kinds`: of the parts of the answer."""
    if status in {"completed", ""}:
        if ToolCall in kinds:
            return FinishReason.TOOL_CALL, ""
        return (FinishReason.REFUSAL if Refusal in kinds else FinishReason.STOP), ""
    if status == "incomplete":
        known = _READ.get(reason)
        return (FinishReason.OTHER, reason or status) if known is None else (known, "")
    known = _READ_STATUS.get(status)
    return (FinishReason.OTHER, status) if known is None else (known, "")


def write_finish(finish: FinishReason, native: str, kinds: set[type], losses: Losses) -> tuple[str, str]:
    """Return the status and the reason of an incomplete answer. `native`: the provider's own word, of this protocol; else ""."""
    status, reason = _said(finish, native, kinds)
    if read_finish(status, reason, kinds)[0] is not finish:
        losses.approximate(_PATH, f"said as {status}{f', {reason}' if reason else ''}")
    return status, reason


def _said(finish: FinishReason, native: str, kinds: set[type]) -> tuple[str, str]:
    if finish is FinishReason.OTHER and native:
        if native in _INCOMPLETE_REASONS:
            return "incomplete", native
        if native in _STATUSES:
            return native, ""
    if finish is FinishReason.REFUSAL and Refusal not in kinds:
        return "incomplete", "content_filter"
    return _WRITTEN.get(finish, ("completed", ""))


def unfinished(losses: Losses, *, has_parts: bool) -> Finished:
    """Say how an answer ended that no event says it of."""
    if has_parts:
        return Finished(reason=FinishReason.OTHER)
    losses.approximate("candidates", "no answer, as one that was filtered")
    return Finished(reason=FinishReason.CONTENT_FILTER)


def note_unsaid(end: Finished | Candidate, losses: Losses) -> None:
    """Tell what an answer's end says beside its reason."""
    if end.stop_sequence is not None:
        losses.drop("candidates[0].stop_sequence", "Responses has no stop sequences")
    losses.drop_extensions(end.vendor_extensions, "candidates[0].", "an answer has no members of its own here")
