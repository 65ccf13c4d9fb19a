"""Every fault that has a name: `[[fault:NAME]]` in a prompt asks for it, `FAULTS[NAME]` scripts it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from omnillm.testing.faults import Fault, Hint

STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"


def _statuses() -> Iterator[Fault]:
    for status in STATUSES:
        yield replace(Fault.status(status), effect=f"{status} in the protocol's own form, without a retry hint")


def _rate(name: str, effect: str, hint: Hint) -> Fault:
    return Fault(name=name, effect=f"429, {effect}", http_status=429, hint=hint)


def _limits() -> Iterator[Fault]:
    yield _rate("rate_both", "retry-after and retry-after-ms of 2 s (Gemini: RetryInfo)", Hint(form="both", seconds=2))
    yield _rate("rate_ms", "retry-after-ms of 1500", Hint(form="ms", seconds=1.5))
    yield _rate("rate_seconds", "retry-after of 30", Hint(form="seconds", seconds=30))
    yield _rate("rate_float", "retry-after of 0.25", Hint(form="raw", raw="0.25"))
    yield _rate("rate_date", "retry-after as an HTTP date 20 s ahead", Hint(form="date", seconds=20))
    yield _rate("rate_past_date", "retry-after as an HTTP date an hour ago", Hint(form="date", seconds=-3600))
    yield _rate("rate_reset", "reset headers of 1m30s with nothing remaining (Gemini: RetryInfo)", Hint(form="reset", seconds=90))
    yield _rate("rate_retry_info", "RetryInfo of 34.4 s in the body (others: in the message only)", Hint(form="retry_info", seconds=34.4))
    yield _rate("rate_garbage", "a retry-after that means nothing", Hint(form="raw", raw="soon-ish"))
    yield _rate("rate_negative", "retry-after of -5", Hint(form="raw", raw="-5"))
    yield _rate("rate_1e9", "retry-after of 1e9", Hint(form="raw", raw="1e9"))
    yield _rate("rate_nan", "retry-after of nan", Hint(form="raw", raw="nan"))
    yield Fault(name="quota_insufficient", effect="429, the account is out of money", http_status=429, code="insufficient_quota")
    yield Fault(name="quota_per_day", effect="429, the day's quota is used up", http_status=429, code="per_day_quota")
    yield Fault(name="spend_limit", effect="400, the credit balance is too low", http_status=400, code="spend_limit")
    yield Fault(name="account_disabled", effect="403, the account as a whole is disabled", http_status=403, code="account_disabled")
    yield Fault(name="context_length", effect="400, the prompt is too long", http_status=400, code="context_length")
    yield Fault(name="model_not_found", effect="404, the model is unknown", http_status=404, code="model_not_found")


def _wrong_answers() -> Iterator[Fault]:
    yield Fault(name="error_in_200", effect="status 200 around a 429 error body", http_status=200, error_status=429)
    yield Fault(name="html_in_200", effect="status 200, an HTML page", http_status=200, body=HTML, fields=(("content-type", "text/html"),))
    yield Fault(name="html_in_502", effect="status 502, an HTML page", http_status=502, body=HTML, fields=(("content-type", "text/html"),))
    yield Fault(name="wrong_content_type", effect="a good reply called text/plain", fields=(("content-type", "text/plain"),))
    yield Fault(name="empty_200", effect="status 200 with an empty body", http_status=200, body=b"")
    yield Fault(name="no_content", effect="status 204", http_status=204, body=b"")
    yield Fault(
        name="redirect",
        effect="status 307 to another host",
        http_status=307,
        body=b"",
        fields=(("location", "http://127.0.0.1:9/elsewhere"),),
    )
    yield Fault(name="early_hints", effect="a 103 before a good reply", preamble=EARLY_HINTS)
    yield Fault(name="truncated_json", effect="half of the JSON with a matching length (a stream: as if cut)", truncates_json=True)


def _stream_contents() -> Iterator[Fault]:
    yield Fault(name="error_before_content", effect="a 529 error event before any content", error_after=0, error_status=529)
    yield Fault(name="rate_before_content", effect="a 429 error event before any content", error_after=0, error_status=429)
    yield Fault(name="error_after_content", effect="a 500 error event after 3 content events", error_after=3, error_status=500)
    yield Fault(name="no_terminal", effect="a stream without its last event", missing="terminal")
    yield Fault(name="no_finish", effect="a stream that ends in good order without finish reason", missing="finish")
    yield Fault(name="malformed_event", effect="an event that is not JSON", inserted=b'data: {"half\n\n')
    yield Fault(name="invalid_utf8", effect="an event that is not UTF-8", inserted=b'data: {"text":"\xff\xfe"}\n\n')
    yield Fault(name="comments", effect="keep-alive comments between events", inserted=b": keep-alive\n\n" * 3)
    yield Fault(name="empty_events", effect="a thousand blank lines", inserted=b"\n\n" * 500)
    yield Fault(name="huge_event", effect="a comment line of 20 MiB", comment_bytes=20 << 20)
    yield Fault(name="crlf", effect="lines of a stream end in CR LF", uses_crlf=True)


def _usages() -> Iterator[Fault]:
    yield Fault(name="usage_negative", effect="token counts below zero", lie="negative")
    yield Fault(name="usage_huge", effect="token counts of 10**18", lie="huge")
    yield Fault(name="usage_zero", effect="token counts of zero", lie="zero")
    yield Fault(name="usage_missing", effect="no usage at all", lie="missing")
    yield Fault(name="usage_cumulative", effect="growing usage all along a stream, the last one is right", lie="cumulative")


def _transports() -> Iterator[Fault]:
    yield Fault(name="stall_before_head", effect="silence until the gate opens", action="stall", point="head")
    yield Fault(
        name="stall_mid_body", effect="silence after 2 content events (plain: half of the body)", action="stall", point="events", after=2
    )
    yield Fault(name="reset_before_head", effect="TCP reset, nothing was generated", action="reset", point="head", is_generated=False)
    yield Fault(name="lost_reply", effect="TCP reset instead of a reply that is billed", action="reset", point="head")
    yield Fault(name="close_before_head", effect="closed, nothing was generated", action="close", point="head", is_generated=False)
    yield Fault(name="reset_mid_body", effect="TCP reset after 3 content events (plain: half)", action="reset", point="events", after=3)
    yield Fault(name="cut_mid_body", effect="closed after 3 content events (plain: half)", action="close", point="events", after=3)
    yield Fault(name="cut_after_byte", effect="closed after the body's first byte", action="close", point="bytes", after=1)
    yield Fault(name="cut_before_content", effect="closed before the first content event", action="close", point="events", after=0)
    yield Fault(name="truncated_length", effect="content-length promises 10 bytes more than come", framing="long_length")
    yield Fault(name="truncated_chunked", effect="the last chunk never comes", framing="unended_chunks")
    yield Fault(name="slow", effect="50 ms before each piece", delay_s=0.05)
    yield Fault(name="one_byte", effect="one byte a write", piece_bytes=1, delay_s=0.0)
    yield Fault(name="gzip", effect="compressed, though nobody asked", is_compressed=True)
    yield Fault(name="silent_close", effect="keep-alive is promised, the connection closed after the reply", action="close", point="end")
    yield Fault(name="silent_reset", effect="keep-alive is promised, the connection reset after the reply", action="reset", point="end")
    yield Fault(
        name="surplus", effect="a second reply that nobody asked for follows", surplus=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    )
    yield Fault(name="length_and_chunked", effect="both content-length and transfer-encoding", framing="length_and_chunked")
    yield Fault(name="two_lengths", effect="two content-lengths that disagree", framing="two_lengths")
    yield Fault(name="close_delimited", effect="no length: the body ends with the connection", framing="close")
    yield Fault(name="http10", effect="an HTTP/1.0 reply without length", framing="http10")
    yield Fault(name="trailers", effect="a chunked body with trailers", framing="trailers")
    yield Fault(name="bare_lf", effect="head lines end in LF alone", framing="bare_lf")
    yield Fault(name="huge_head", effect="a header field of 1 MiB", framing="huge_head")


def _table() -> dict[str, Fault]:
    groups = (_statuses, _limits, _wrong_answers, _stream_contents, _usages, _transports)
    return {fault.name: fault for group in groups for fault in group()}


FAULTS: Mapping[str, Fault] = MappingProxyType(_table())
