"""An error as the client reads it, in the client's own protocol; and a defect as it stands in the log."""

import logging
import traceback

from omnillm.errors import Defect, OmniError, ProviderError, out_of_memory
from omnillm.protocols.protocol import Fault, Protocol

_log = logging.getLogger("omnillm.server")


def client_status(error: OmniError, protocol: Protocol) -> int:
    return protocol.overloaded_status if error.code == "provider_overloaded" else error.status


def fault_of(error: OmniError, status: int, request_id: str) -> Fault:
    return Fault(
        status=status,
        code=error.code,
        message=error.message,
        request_id=request_id,
        retry_after_s=error.retry_after_s,
        details=error.details,
    )


def error_body(error: OmniError, protocol: Protocol, request_id: str) -> bytes:
    """A provider's own refusal goes to a client of the same protocol verbatim."""
    if isinstance(error, ProviderError) and error.raw_body and error.protocol == protocol.name:
        return error.raw_body
    return protocol.write_fault(fault_of(error, client_status(error, protocol), request_id))


def report_defect(error: OmniError) -> None:
    """Log what ended a call, if that was a defect."""
    cause = error.__cause__
    if isinstance(error, Defect) and cause is not None:
        _log.error("Call %s failed with %s:\n%s", error.request_id, type(cause).__qualname__, _trace(cause))


def report_unforeseen(error: Exception) -> OmniError | None:
    """Log what ended a request that was no call yet. Returns what its client is told; None: only that it failed."""
    if isinstance(error, MemoryError):
        _log.error("A request was refused: no memory is left for it")
        return out_of_memory()
    _log.error("A call failed with %s:\n%s", type(error).__qualname__, _trace(error))
    return None


def _trace(error: BaseException) -> str:
    """Where it was raised; not the message, which may quote the request."""
    return "".join(traceback.format_tb(error.__traceback__))
