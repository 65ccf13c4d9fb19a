"""Errors of AWS, read and written."""

import json
from typing import Any

from botocore.eventstream import EventStreamBuffer
from msgspec.structs import replace
from tests.in_turn import in_turn

from omnillm.outcome import Verdict
from omnillm.protocols.bedrock_converse import PROTOCOL
from omnillm.protocols.protocol import Failure, Fault

FAULT = Fault(status=429, code="rate_limit_exceeded", message="Slow down.", request_id="r1")


def read(status: int, code: str = "", message: str = "", *, header: bool = True, **members: Any) -> Failure:
    headers = {b"x-amzn-errortype": f"{code}:http://internal.amazon.com/coral/".encode()} if code and header else {}
    body = json.dumps({"message": message, **({"__type": f"com.amazon#{code}"} if code and not header else {}), **members})
    return PROTOCOL.read_failure(status, headers, body.encode(), 0.0)


@in_turn(
    ("status", "code", "message", "verdict"),
    [
        (400, "ValidationException", "messages: too short", Verdict.CALLER_FAULT),
        (400, "ValidationException", "The provided model identifier is invalid.", Verdict.NOT_FOUND),
        (400, "ServiceQuotaExceededException", "", Verdict.QUOTA_EXHAUSTED),
        (403, "AccessDeniedException", "You don't have access to the model with the specified model ID.", Verdict.DENIED),
        (403, "AccessDeniedException", "Invalid API Key format: Must start with pre-defined prefix", Verdict.KEY_DEAD),
        (403, "ExpiredTokenException", "The security token included in the request is expired", Verdict.KEY_DEAD),
        (403, "UnrecognizedClientException", "The security token included in the request is invalid.", Verdict.KEY_DEAD),
        (403, "InvalidSignatureException", "The request signature we calculated does not match", Verdict.KEY_DEAD),
        (404, "ResourceNotFoundException", "", Verdict.NOT_FOUND),
        (408, "ModelTimeoutException", "", Verdict.SERVER_FAULT),
        (424, "ModelErrorException", "", Verdict.SERVER_FAULT),
        (429, "ThrottlingException", "Too many requests, please wait before trying again.", Verdict.RATE_LIMITED),
        (429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", Verdict.QUOTA_EXHAUSTED),
        (429, "ModelNotReadyException", "", Verdict.OVERLOADED),
        (500, "InternalServerException", "", Verdict.SERVER_FAULT),
        (503, "ServiceUnavailableException", "", Verdict.OVERLOADED),
        (418, "", "", Verdict.CALLER_FAULT),
        (502, "", "", Verdict.SERVER_FAULT),
    ],
)
@in_turn("header", [True, False])
def test_error_is_understood(status: int, code: str, message: str, verdict: Verdict, header: bool) -> None:
    """By its header, or by its body where there is no header."""
    failure = read(status, code, message, header=header)
    assert failure.verdict is verdict
    assert failure.message == message
    assert not code or failure.code == code


def test_faults_are_written_as_the_service_would() -> None:
    """A body and a header with its code, and an exception frame that botocore reads."""
    told = {"__type": "ThrottlingException", "message": "Slow down.", "code": FAULT.code, "requestId": "r1"}
    assert json.loads(PROTOCOL.write_fault(FAULT)) == told
    assert PROTOCOL.write_fault_fields(FAULT) == b"x-amzn-errortype: ThrottlingException\r\n"
    buffer = EventStreamBuffer()
    buffer.add_data(PROTOCOL.write_stream_fault(FAULT, 0))
    [message] = list(buffer)
    assert message.headers[":exception-type"] == "throttlingException"
    assert message.to_response_dict()["status_code"] == 400


def test_waits_are_told_and_read_as_awss_sdks_do() -> None:
    """In milliseconds, rounded up; nonsense there is nothing."""
    fields = PROTOCOL.write_fault_fields(replace(FAULT, retry_after_s=1.2345))
    assert fields.endswith(b"x-amz-retry-after: 1235\r\n")
    for told, wait_s in ((b"1235", 1.235), (b"-1", 7.0), (b"9" * 30, 7.0), (b"", 7.0)):
        assert PROTOCOL.read_failure(503, {b"x-amz-retry-after": told, b"retry-after": b"7"}, b"{}", 0.0).retry_after_s == wait_s


def test_codes_are_words_never_text() -> None:
    """What a stranger wrote into the header does not become a code."""
    failure = PROTOCOL.read_failure(400, {b"x-amzn-errortype": b"<script>alert(1)</script>"}, b"{}", 0.0)
    assert failure.code == "ValidationException"
