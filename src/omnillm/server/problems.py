"""Errors as replies, in the client's own protocol, so that its SDK raises its own exception class."""

from math import ceil

from omnillm.errors import CallerFault, MethodNotAllowed, OmniError, ProviderError, Refused
from omnillm.protocols.protocol import Fault, Protocol
from omnillm.server.requests import Rendered

OVERLOADED_TO_ANTHROPIC = 529


def render_problem(error: OmniError, protocol: Protocol, request_id: str) -> Rendered:
    status = client_status(error, protocol)
    fields = b"content-type: application/json\r\nx-omnillm-request-id: %b\r\n" % request_id.encode()
    if error.attempts:
        fields += b"x-omnillm-attempts: %d\r\n" % error.attempts
    if not should_retry(error):
        fields += b"x-should-retry: false\r\n"
    if error.retry_after_s is not None:
        milliseconds = max(ceil(error.retry_after_s * 1000), 1)  # up: who comes a millisecond early is refused again
        fields += b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (-(-milliseconds // 1000), milliseconds)
    if isinstance(error, MethodNotAllowed):
        fields += b"allow: %b\r\n" % ", ".join(error.allowed).encode()
    if isinstance(error, ProviderError) and error.raw_body and error.protocol == protocol.name:
        return Rendered(status=status, fields=fields, body=error.raw_body)
    return Rendered(status=status, fields=fields, body=protocol.write_fault(fault_of(error, status, request_id)))


def fault_of(error: OmniError, status: int, request_id: str) -> Fault:
    return Fault(
        status=status,
        code=error.code,
        message=error.message,
        request_id=request_id,
        retry_after_s=error.retry_after_s,
        details=error.details,
    )


def client_status(error: OmniError, protocol: Protocol) -> int:
    """Only an Anthropic client knows 529."""
    if error.code == "provider_overloaded" and protocol.name == "anthropic_messages":
        return OVERLOADED_TO_ANTHROPIC
    return error.status


def should_retry(error: OmniError) -> bool:
    """After our own retries, and where a repetition can only fail again, the SDK is told not to add its own."""
    if isinstance(error, Refused):
        return error.status == 429 or error.code == "budget_held"
    return not (error.attempts or isinstance(error, CallerFault))
