"""Errors as replies, in the client's own protocol, so that its SDK raises its own exception class."""

from math import ceil

from omnillm.errors import CallerFault, MethodNotAllowed, OmniError, Refused
from omnillm.gateway.faults import client_status, error_body, fault_of
from omnillm.gateway.idempotency import ORIGINAL
from omnillm.protocols.protocol import Protocol
from omnillm.server.front.application import Rendered

IN_FLIGHT = "idempotency_in_flight"
CONFIGURED = "no_key_serves_model"
"""Of the 503s the one that stays as it is until the configuration is another."""
UPGRADE_REQUIRED = 426
UNKNOWN_WAIT_S = 1.0
"""What a 503 says whose end nobody knows."""


def render_problem(error: OmniError, protocol: Protocol, request_id: str) -> Rendered:
    status = client_status(error, protocol)
    fields = b"content-type: application/json\r\n" + protocol.write_fault_fields(fault_of(error, status, request_id))
    own = {protocol.request_id_field: request_id, **problem_fields(error, request_id)}
    fields += "".join([f"{name}: {value}\r\n" for name, value in own.items()]).encode()
    return Rendered(status=status, fields=fields, body=error_body(error, protocol, request_id))


def problem_fields(error: OmniError, request_id: str) -> dict[str, str]:
    """What the head of an error's reply says, in every protocol and the admin API: which call it was, whether to come again, and when."""
    fields = {"x-omnillm-request-id": request_id}
    if error.attempts:
        fields["x-omnillm-attempts"] = str(error.attempts)
    if error.code == IN_FLIGHT:
        fields["x-should-retry"] = "true"  # SDKs need not know that a 409 may pass
    elif not should_retry(error):
        fields["x-should-retry"] = "false"
    if ORIGINAL in error.details:
        fields["x-omnillm-original-request-id"] = str(error.details[ORIGINAL])
    wait_s = _wait_s(error)
    if wait_s is not None:
        milliseconds = max(ceil(wait_s * 1000), 1)  # up: who comes a millisecond early is refused again
        fields |= {"retry-after": str(-(-milliseconds // 1000)), "retry-after-ms": str(milliseconds)}
    if isinstance(error, MethodNotAllowed):
        fields["allow"] = ", ".join(error.allowed)
    if error.status == UPGRADE_REQUIRED:
        fields |= {"upgrade": "websocket", "sec-websocket-version": "13"}
    return fields


def _wait_s(error: OmniError) -> float | None:
    if error.retry_after_s is None and error.status == 503 and error.code != CONFIGURED:
        return UNKNOWN_WAIT_S
    return error.retry_after_s


def should_retry(error: OmniError) -> bool:
    """After our own retries, and where a repetition can only fail again, the SDK is told not to add its own."""
    if isinstance(error, Refused):
        return error.status == 429 or error.code == "budget_held"
    return not (error.attempts or isinstance(error, CallerFault) or error.code == CONFIGURED)
