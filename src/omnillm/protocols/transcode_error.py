"""Errors from one protocol to another: the same trouble, under the name that the client's SDK knows."""

from collections.abc import Mapping

import msgspec

from omnillm.errors import ProtocolError
from omnillm.outcome import Verdict
from omnillm.protocols.loss import ConversionReport
from omnillm.protocols.protocol import Failure, Fault, Protocol
from omnillm.protocols.protocol_names import meant_by
from omnillm.protocols.registry import PROTOCOLS


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """An error as a client of a protocol gets it: its HTTP status, and its body in JSON."""

    status: int
    body: bytes


def parse_error(protocol: str, status: int, body: bytes, *, headers: Mapping[bytes, bytes] | None = None, wall: float = 0.0) -> Failure:
    """Understand a provider's error reply, whatever its body is. `wall`: now, in Unix seconds, for hints that are dates."""
    return _spoken(protocol).read_failure(status, headers or {}, body, wall)


def emit_error(protocol: str, fault: Fault) -> ErrorReply:
    """Write an error in a protocol's shape, under the status that its clients expect."""
    return ErrorReply(status=fault.status, body=_spoken(protocol).write_fault(fault))


def transcode_error(
    source: str, target: str, *, status: int, body: bytes, headers: Mapping[bytes, bytes] | None = None, request_id: str = ""
) -> ConversionReport[ErrorReply]:
    """Translate a provider's error reply for a client; to the same protocol it is verbatim."""
    source, target = _spoken(source).name, _spoken(target).name
    if source == target:
        return ConversionReport(value=ErrorReply(status=status, body=body), wire_format=target, bridged=False)
    failure = parse_error(source, status, body, headers=headers)
    fault = Fault(
        status=_status_for(target, failure),
        code=failure.code,
        message=failure.message,
        request_id=request_id,
        retry_after_s=failure.retry_after_s,
    )
    return ConversionReport(value=emit_error(target, fault), wire_format=target, bridged=True)


def _status_for(target: str, failure: Failure) -> int:
    return _spoken(target).overloaded_status if failure.verdict is Verdict.OVERLOADED else failure.status


def _spoken(name: str) -> Protocol:
    """The protocol of a name. ProtocolError: there is none."""
    found = PROTOCOLS.get(name) or PROTOCOLS.get(meant_by(name))
    if found is None:
        raise ProtocolError(f"There is no protocol {name!r}; there are {', '.join(PROTOCOLS)}.", reason="unsupported_wire_format")
    return found
