"""Errors from one protocol to another, as a Python user translates them: `omnillm.transcode_error` and its two halves."""

import json
from itertools import permutations

from tests.in_turn import in_turn

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


TOO_LONG = {
    "openai_chat": {"message": "This model's maximum context length is 128000 tokens.", "code": "context_length_exceeded"},
    "openai_responses": {"message": "Your input exceeds the context window of this model.", "type": "invalid_request_error"},
    "anthropic_messages": {"message": "prompt is too long: 250000 tokens > 200000 maximum", "type": "invalid_request_error"},
    "gemini_generate_content": {
        "message": "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
        "status": "INVALID_ARGUMENT",
    },
    "bedrock_converse": {"message": "Input is too long for requested model.", "__type": "ValidationException"},
}
"""As the providers say it."""
SOUGHT = {  # OpenAI's SDKs show the message, but not the code, so LangChain looks for the code in the message
    "openai_chat": '"message":"context_length_exceeded: ',
    "openai_responses": '"message":"context_length_exceeded: ',
    "anthropic_messages": '"message":"prompt is too long: ',
    "gemini_generate_content": "exceeds the maximum number of tokens allowed",
    "bedrock_converse": "Input is too long for requested model",
}


@in_turn("source, target", permutations(TOO_LONG, 2))
def test_a_prompt_that_was_too_long_is_told_in_the_words_that_clients_look_for(source: str, target: str) -> None:
    """Claude Code, opencode, LangChain and others shorten the conversation then; any other refusal would end it."""
    error = TOO_LONG[source]
    body = json.dumps(error if source == "bedrock_converse" else {"error": error}).encode()
    assert omnillm.parse_error(source, 400, body).code == "context_length_exceeded"
    reply = omnillm.transcode_error(source, target, status=400, body=body).value
    assert (reply.status, SOUGHT[target] in reply.body.decode()) == (400, True)
    assert error["message"] in reply.body.decode()
    assert omnillm.parse_error(target, reply.status, reply.body).code == "context_length_exceeded"


def test_what_quotes_a_prompt_that_was_too_long_is_no_such_refusal() -> None:
    """Only the beginning of a message is the provider's own for certain."""
    quoting = json.dumps({"error": {"message": "Invalid tool name: prompt is too long", "type": "invalid_request_error"}}).encode()
    assert omnillm.parse_error("anthropic_messages", 400, quoting).code == "invalid_request_error"
    limited = json.dumps({"error": {"message": "Please reduce the length of the messages.", "type": "rate_limit_error"}}).encode()
    assert omnillm.parse_error("anthropic_messages", 429, limited).code == "rate_limit_error"
