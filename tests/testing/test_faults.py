"""Every named fault shows its documented effect to a client that sees raw bytes."""

import gzip
import json
from email.utils import parsedate_to_datetime

import pytest
from tests.in_turn import in_turn

from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault
from omnillm.testing.catalogue import STATUSES

PROTOCOLS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content")
GOOD_JSON = "chat.completion"


async def instantly(seconds):
    del seconds


@pytest.fixture
async def provider():
    async with FakeProvider(keys={"sk-good": Behaviour()}, prices={"m": {"input": 1, "output": 1}}, sleep=instantly) as provider:
        for name in FAULTS:
            provider.gate(name).set()
        yield provider


def is_good(seen):
    return seen.status == 200 and seen.is_whole and seen.json["object"] == GOOD_JSON


def is_good_stream(seen):
    return seen.status == 200 and seen.is_whole and seen.events[-1] == b"[DONE]"


def contents(seen):
    return [delta["content"] for delta in deltas(seen) if delta.get("content")]


def deltas(seen):
    chunks = [json.loads(event) for event in seen.events if event.startswith(b"{") and event.endswith(b"}")]
    return [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]


def error_code(seen):
    return seen.json["error"]["code"]


def usage(seen):
    return seen.json["usage"]


def retry_after(value):
    return lambda plain, _: plain.status == 429 and plain.fields["retry-after"] == value


def seconds_ahead(seconds):
    def check(plain, _):
        ahead = parsedate_to_datetime(plain.fields["retry-after"]) - parsedate_to_datetime(plain.fields["date"])
        return plain.status == 429 and ahead.total_seconds() == seconds

    return check


def half_and(ending):
    def check(plain, stream):
        whole = int(plain.fields["content-length"])
        is_half = len(plain.wire_body) == whole // 2
        return is_half and plain.ending == ending and stream.ending == ending and len(contents(stream)) == 3 and not stream.is_whole

    return check


def nothing_and(ending):
    return lambda plain, stream: plain.raw == stream.raw == b"" and plain.ending == stream.ending == ending


def has_token_counts(count):
    return lambda plain, _: usage(plain)["prompt_tokens"] == usage(plain)["completion_tokens"] == count


EFFECTS = {
    **{
        f"status_{status}": lambda plain, _, status=status: plain.status == status and plain.json["error"]["message"] for status in STATUSES
    },
    "rate_both": lambda plain, _: (plain.fields["retry-after"], plain.fields["retry-after-ms"]) == ("2", "2000"),
    "rate_ms": lambda plain, _: plain.fields["retry-after-ms"] == "1500" and "retry-after" not in plain.fields,
    "rate_seconds": retry_after("30"),
    "rate_float": retry_after("0.25"),
    "rate_date": seconds_ahead(20),
    "rate_past_date": seconds_ahead(-3600),
    "rate_reset": lambda plain, _: (
        (plain.fields["x-ratelimit-reset-requests"], plain.fields["x-ratelimit-remaining-requests"]) == ("1m30s", "0")
    ),
    "rate_retry_info": lambda plain, _: "try again in 34.4s" in plain.json["error"]["message"] and "retry-after" not in plain.fields,
    "rate_garbage": retry_after("soon-ish"),
    "rate_negative": retry_after("-5"),
    "rate_1e9": retry_after("1e9"),
    "rate_nan": retry_after("nan"),
    "quota_insufficient": lambda plain, _: plain.status == 429 and error_code(plain) == "insufficient_quota",
    "quota_per_day": lambda plain, _: plain.status == 429 and "per day" in plain.json["error"]["message"],
    "spend_limit": lambda plain, _: plain.status == 400 and error_code(plain) == "billing_hard_limit_reached",
    "account_disabled": lambda plain, _: plain.status == 403 and error_code(plain) == "account_deactivated",
    "context_length": lambda plain, _: plain.status == 400 and error_code(plain) == "context_length_exceeded",
    "model_not_found": lambda plain, _: plain.status == 404 and error_code(plain) == "model_not_found",
    "error_in_200": lambda plain, stream: plain.status == stream.status == 200 and error_code(plain) == "rate_limit_exceeded",
    "html_in_200": lambda plain, _: plain.status == 200 and plain.fields["content-type"] == "text/html" and b"<html" in plain.body,
    "html_in_502": lambda plain, _: plain.status == 502 and b"<html" in plain.body,
    "wrong_content_type": lambda plain, stream: (
        is_good(plain) and plain.fields["content-type"] == stream.fields["content-type"] == "text/plain"
    ),
    "empty_200": lambda plain, stream: plain.status == stream.status == 200 and plain.body == stream.body == b"",
    "no_content": lambda plain, _: plain.status == 204 and "content-length" not in plain.fields and plain.body == b"",
    "redirect": lambda plain, _: plain.status == 307 and plain.fields["location"],
    "early_hints": lambda plain, _: plain.status == 103 and GOOD_JSON.encode() in plain.raw,
    "truncated_json": lambda plain, stream: (
        plain.is_whole and not plain.body.endswith(b"}") and stream.is_whole and b"[DONE]" not in stream.body
    ),
    "error_before_content": lambda plain, stream: plain.status == 529 and contents(stream) == [] and b"error" in stream.events[-1],
    "rate_before_content": lambda plain, stream: plain.status == 429 and b"rate_limit_exceeded" in stream.events[-1],
    "error_after_content": lambda plain, stream: plain.status == 500 and len(contents(stream)) == 3 and b"error" in stream.events[-1],
    "no_terminal": lambda plain, stream: is_good(plain) and stream.is_whole and b'"stop"' in stream.body and b"[DONE]" not in stream.body,
    "no_finish": lambda plain, stream: is_good(plain) and stream.is_whole and b'"stop"' not in stream.body and len(contents(stream)) == 20,
    "malformed_event": lambda _, stream: b'{"half' in stream.events and is_good_stream(stream),
    "invalid_utf8": lambda _, stream: b"\xff\xfe" in stream.body and is_good_stream(stream),
    "comments": lambda _, stream: stream.body.count(b": keep-alive\n\n") == 3 and is_good_stream(stream),
    "empty_events": lambda _, stream: b"\n" * 1000 in stream.body and is_good_stream(stream),
    "huge_event": lambda _, stream: len(stream.body) > 20 << 20 and is_good_stream(stream),
    "crlf": lambda _, stream: stream.body.count(b"\n") == stream.body.count(b"\r\n") and is_good_stream(stream),
    "usage_negative": lambda plain, _: usage(plain)["prompt_tokens"] < 0 and usage(plain)["completion_tokens"] < 0,
    "usage_huge": has_token_counts(10**18),
    "usage_zero": has_token_counts(0),
    "usage_missing": lambda plain, stream: "usage" not in plain.json and b"prompt_tokens" not in stream.body,
    "usage_cumulative": lambda plain, stream: is_good(plain) and stream.body.count(b"prompt_tokens") > 20,
    "stall_before_head": lambda plain, stream: is_good(plain) and is_good_stream(stream),
    "stall_mid_body": lambda plain, stream: is_good(plain) and is_good_stream(stream),
    "reset_before_head": nothing_and("reset"),
    "lost_reply": nothing_and("reset"),
    "close_before_head": nothing_and("fin"),
    "reset_mid_body": half_and("reset"),
    "cut_mid_body": half_and("fin"),
    "cut_after_byte": lambda plain, stream: len(plain.wire_body) == len(stream.wire_body) == 1 and plain.ending == "fin",
    "cut_before_content": lambda _, stream: stream.ending == "fin" and contents(stream) == [] and len(stream.events) == 1,
    "truncated_length": lambda plain, _: (
        int(plain.fields["content-length"]) == len(plain.wire_body) + 10 and plain.json and plain.ending == "fin"
    ),
    "truncated_chunked": lambda _, stream: stream.events[-1] == b"[DONE]" and not stream.is_whole and stream.ending == "fin",
    "slow": lambda plain, stream: is_good(plain) and is_good_stream(stream),
    "one_byte": lambda plain, stream: is_good(plain) and is_good_stream(stream),
    "gzip": lambda plain, stream: json.loads(gzip.decompress(plain.body)) and gzip.decompress(stream.body).endswith(b"[DONE]\n\n"),
    "silent_close": lambda plain, stream: (
        is_good(plain) and plain.ending == "fin" and "connection" not in plain.fields and stream.ending == "fin"
    ),
    "silent_reset": lambda plain, _: is_good(plain) and plain.ending == "reset",
    "surplus": lambda plain, _: plain.ending == "open" and plain.raw.endswith(b"content-length: 2\r\n\r\n{}"),
    "length_and_chunked": lambda plain, _: b"content-length:" in plain.head and b"transfer-encoding: chunked" in plain.head and plain.json,
    "two_lengths": lambda plain, _: plain.head.count(b"content-length:") == 2,
    "close_delimited": lambda plain, stream: plain.ending == stream.ending == "fin" and "content-length" not in plain.fields and plain.json,
    "http10": lambda plain, stream: plain.raw.startswith(b"HTTP/1.0 200") and stream.ending == "fin" and stream.events[-1] == b"[DONE]",
    "trailers": lambda plain, _: plain.wire_body.endswith(b"0\r\nx-trailer: late\r\n\r\n") and plain.json,
    "bare_lf": lambda plain, _: b"\r\n" not in plain.raw and b"\n\n{" in plain.raw,
    "huge_head": lambda plain, _: len(plain.fields["x-huge"]) == 1 << 20 and is_good(plain),
}


def test_every_fault_has_an_expectation():
    """The table of faults and the table of their effects name the same faults, and each is documented."""
    assert set(EFFECTS) == set(FAULTS)
    assert all(fault.effect and fault.name == name for name, fault in FAULTS.items())


@in_turn("name", FAULTS)
async def test_fault_shows_its_effect(provider, ask, name):
    """A chat call, plain and streamed, whose prompt names the fault."""
    plain = await ask(provider, text=f"[[fault:{name}]]")
    stream = await ask(provider, text=f"[[fault:{name}]]", stream=True, stream_options={"include_usage": True})
    assert EFFECTS[name](plain, stream)
    assert [record.fault for record in provider.log[-2:]] == [name, name]


@in_turn("name", sorted(set(FAULTS) - {"huge_event", "huge_head", "one_byte"}))
async def test_fault_ends_in_every_protocol(provider, ask, name):
    """No protocol leaves a faulty reply unfinished, and the log tells what was sent."""
    for protocol in PROTOCOLS:
        for stream in (False, True):
            seen = await ask(provider, protocol, f"[[fault:{name}]]", stream=stream)
            record = provider.log[-1]
            assert (record.is_ended, record.protocol, record.is_stream, record.aborted_by_client) == (True, protocol, stream, False)
            assert record.status == (0 if not seen.raw else 200 if seen.status == 103 else seen.status)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("stream", [False, True])
async def test_reply_without_a_fault_keeps_the_connection(provider, ask, protocol, stream):
    """A good reply is whole, and the connection stays open after it."""
    seen = await ask(provider, protocol, stream=stream)
    assert (seen.status, seen.is_whole, seen.ending) == (200, True, "open")


@pytest.mark.parametrize("stream", [False, True])
async def test_gemini_tells_retry_info_and_anthropic_an_instant(provider, ask, stream):
    """The same reset is a RetryInfo at Gemini and RFC 3339 at Anthropic."""
    gemini = await ask(provider, "gemini_generate_content", "[[fault:rate_reset]]", stream=stream)
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "90s"} in gemini.json["error"]["details"]
    anthropic = await ask(provider, "anthropic_messages", "[[fault:rate_reset]]", stream=stream)
    assert anthropic.fields["anthropic-ratelimit-requests-reset"] == "2025-10-09T08:54:50Z"
    assert anthropic.fields["anthropic-ratelimit-requests-remaining"] == "0"


async def test_gemini_without_sse_is_one_array(provider, ask):
    """streamGenerateContent without alt=sse answers a JSON array, whose last element has the finish reason."""
    seen = await ask(provider, "gemini_generate_content", stream=True, path="/v1/models/m:streamGenerateContent")
    assert seen.fields["content-type"].startswith("application/json")
    assert seen.json[-1]["candidates"][0]["finishReason"] == "STOP"
    assert len(seen.json) == 21


@pytest.mark.parametrize(
    ("fault", "ending", "size"),
    [(Fault.cut(after_bytes=7), "fin", 7), (Fault.reset(after_bytes=0), "reset", 0), (Fault.cut(after_bytes=10**6), "fin", None)],
)
async def test_cut_after_bytes_is_exact(provider, ask, fault, ending, size):
    """The body ends after exactly so many bytes of the wire."""
    provider.enqueue(fault)
    seen = await ask(provider)
    assert seen.ending == ending
    assert len(seen.wire_body) == (size if size is not None else int(seen.fields["content-length"]))


async def test_cut_after_events_is_exact(provider, ask):
    """Every number of content events can be the last one."""
    for count in (0, 1, 7, 20):
        provider.enqueue(Fault.cut(after_events=count))
        seen = await ask(provider, stream=True)
        assert (len(contents(seen)), seen.ending) == (count, "fin")
        assert b'"stop"' not in seen.body


async def test_error_event_comes_before_the_finish(provider, ask):
    """An error after more events than the reply has still replaces its end."""
    provider.enqueue(Fault(error_after=99, error_status=500))
    seen = await ask(provider, stream=True)
    assert (len(contents(seen)), b'"stop"' in seen.body, b"error" in seen.events[-1]) == (20, False, True)


async def test_responses_number_their_error_events_without_gaps(provider, ask):
    """error and response.failed continue the numbering."""
    seen = await ask(provider, "openai_responses", "[[fault:error_after_content]]", stream=True)
    events = [json.loads(event) for event in seen.events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
