"""Errors from one protocol to another, as a Python user translates them: `omnillm.transcode_error` and its two halves."""

import json

import omnillm
from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Fault

LIMITED = json.dumps({"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}).encode()
BUSY = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}).encode()
UNAVAILABLE = json.dumps({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}).encode()


def test_an_error_is_written_in_the_clients_words() -> None:
    """The class that the client's SDK raises hangs on its status and on the words of its own protocol."""
    report = omnillm.transcode_error("openai_chat", "anthropic_messages", status=429, body=LIMITED, request_id="req-1")
    assert report.bridged
    assert report.value.status == 429
    said = json.loads(report.value.body)
    assert said["type"] == "error"
    assert (said["error"]["type"], said["error"]["message"]) == ("rate_limit_error", "Slow down.")
    assert said["request_id"] == "req-1"


def test_an_error_of_the_clients_own_protocol_is_verbatim() -> None:
    """Not a byte of it is read."""
    report = omnillm.transcode_error("openai_chat", "openai_chat", status=418, body=b"I am \xff no JSON")
    assert (report.bridged, report.wire_format) == (False, "openai_chat")
    assert (report.value.status, report.value.body) == (418, b"I am \xff no JSON")


def test_an_overloaded_provider_has_the_status_that_the_clients_sdk_knows() -> None:
    """529 is Anthropic's alone; everybody else says 503."""
    assert omnillm.transcode_error("anthropic_messages", "openai_chat", status=529, body=BUSY).value.status == 503
    assert omnillm.transcode_error("gemini_generate_content", "anthropic_messages", status=503, body=UNAVAILABLE).value.status == 529


def test_hints_of_the_head_are_understood() -> None:
    """A wait in seconds, and one as a date, which is counted from the moment that is given."""
    failure = omnillm.parse_error("openai_chat", 429, LIMITED, headers={b"retry-after": b"7"})
    assert (failure.verdict, failure.retry_after_s) == (Verdict.RATE_LIMITED, 7.0)
    dated = omnillm.parse_error("openai_chat", 429, LIMITED, headers={b"retry-after": b"Thu, 01 Jan 1970 00:01:00 GMT"}, wall=48.0)
    assert dated.retry_after_s == 12.0


def test_a_written_error_is_read_again() -> None:
    """What `emit_error` says in any protocol, `parse_error` understands."""
    fault = Fault(status=404, code="model_not_found", message="There is no model x.", request_id="r")
    for protocol in ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"):
        reply = omnillm.emit_error(protocol, fault)
        failure = omnillm.parse_error(protocol, reply.status, reply.body)
        assert (failure.verdict, failure.message) == (Verdict.NOT_FOUND, "There is no model x.")
