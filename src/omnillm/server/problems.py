"""Errors as replies, in the client's own protocol, so that its SDK raises its own exception class."""

from math import ceil

from omnillm.errors import CallerFault, MethodNotAllowed, OmniError, Refused
from omnillm.gateway.faults import client_status, error_body, fault_of
from omnillm.gateway.idempotency import ORIGINAL
from omnillm.protocols.protocol import Protocol
from omnillm.server.front.requests import Rendered

IN_FLIGHT = "idempotency_in_flight"
UPGRADE_REQUIRED = 426


def render_problem(error: OmniError, protocol: Protocol, request_id: str) -> Rendered:
    status = client_status(error, protocol)
    fields = b"content-type: application/json\r\nx-omnillm-request-id: %b\r\n" % request_id.encode()
    fields += protocol.write_fault_fields(fault_of(error, status, request_id))
    if error.attempts:
        fields += b"x-omnillm-attempts: %d\r\n" % error.attempts
    if error.code == IN_FLIGHT:
        fields += b"x-should-retry: true\r\n"  # SDKs need not know that a 409 may pass
    elif not should_retry(error):
        fields += b"x-should-retry: false\r\n"
    if ORIGINAL in error.details:
        fields += f"x-omnillm-original-request-id: {error.details[ORIGINAL]}\r\n".encode()
    if error.retry_after_s is not None:
        milliseconds = max(ceil(error.retry_after_s * 1000), 1)  # up: who comes a millisecond early is refused again
        fields += b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (-(-milliseconds // 1000), milliseconds)
    if isinstance(error, MethodNotAllowed):
        fields += b"allow: %b\r\n" % ", ".join(error.allowed).encode()
    if error.status == UPGRADE_REQUIRED:
        fields += b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
    return Rendered(status=status, fields=fields, body=error_body(error, protocol, request_id))


def should_retry(error: OmniError) -> bool:
    """After our own retries, and where a repetition can only fail again, the SDK is told not to add its own."""
    if isinstance(error, Refused):
        return error.status == 429 or error.code == "budget_held"
    return not (error.attempts or isinstance(error, CallerFault))
