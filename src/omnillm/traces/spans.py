"""The rows of a call -> its spans: one of the call, and within it one of each attempt.

A call that is part of no client's trace begins one, whose id is the request id; span ids follow from that as well. Names and attributes
are those of OpenTelemetry's semantic conventions for generative AI where they have one. An attempt is what they call a client's inference,
so tokens stand there, and not a second time on the call's own span: backends add up what they find.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypedDict

from msgspec import Struct

from omnillm.records import AttemptRow, RequestRow
from omnillm.trace_context import Parent

INTERNAL, SERVER, CLIENT = 1, 2, 3
"""OTLP's kinds of a span."""
ERROR: Final = 2
"""OTLP's status of a span that failed; of the others it is not set."""
ENDED_WELL: Final = ("success", "aborted")
"""Outcomes and verdicts that are nobody's error."""
NS_PER_MS: Final = 1_000_000
SPAN_ID_MASK: Final = 2**64 - 1
SAMPLED_FLAG, HAS_IS_REMOTE, IS_REMOTE = 0x1, 0x100, 0x200
"""OTLP's flags of a span: it was sampled; whether its parent is of another process is known; it is."""
OPERATIONS: Final = {"generate": "chat"}
"""Our operations -> `gen_ai.operation.name`, where the conventions have another word."""

Value = str | int | float | bool


class Ended(Struct, frozen=True, gc=False):
    """A call that has ended, with the attempts that were sent, and its client's span."""

    row: RequestRow
    attempts: tuple[AttemptRow, ...]
    parent: Parent | None


class Place(Struct, frozen=True, kw_only=True):
    """A provider, as spans name it."""

    provider: str
    """`gen_ai.provider.name`."""
    host: str
    port: int


class Span(TypedDict):
    """OTLP's message, by its own names. Times are Unix nanoseconds."""

    trace_id: bytes
    span_id: bytes
    trace_state: str
    parent_span_id: bytes
    flags: int
    name: str
    kind: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    attributes: Mapping[str, Value]
    has_failed: bool


def spans_of(ended: Ended, places: Mapping[str, Place], kind: int) -> Iterator[Span]:
    """The call's own span, of that kind, and those of its attempts. `places`: by the configured names of providers."""
    row, parent = ended.row, ended.parent
    number = int(row.request_id, 16)
    trace_id, state = (number.to_bytes(16), "") if parent is None else (parent.trace_id, parent.state)
    call_id = _span_id(number)
    operation = _operation(row)
    remote = IS_REMOTE if parent is not None and kind == SERVER else 0
    yield Span(
        trace_id=trace_id,
        span_id=call_id,
        trace_state=state,
        parent_span_id=b"" if parent is None else parent.span_id,
        flags=SAMPLED_FLAG | HAS_IS_REMOTE | remote,
        name=f"{operation} {row.model}",
        kind=kind,
        start_time_unix_nano=row.wall_ms * NS_PER_MS,
        end_time_unix_nano=(row.wall_ms + row.duration_ms) * NS_PER_MS,
        attributes=_of_call(row),
        has_failed=row.status >= 500,
    )
    for attempt in ended.attempts:
        yield Span(
            trace_id=trace_id,
            span_id=_span_id(number + attempt.attempt),
            trace_state=state,
            parent_span_id=call_id,
            flags=SAMPLED_FLAG | HAS_IS_REMOTE,
            name=f"{operation} {attempt.model}",
            kind=CLIENT,
            start_time_unix_nano=attempt.wall_ms * NS_PER_MS,
            end_time_unix_nano=(attempt.wall_ms + attempt.duration_ms) * NS_PER_MS,
            attributes=_of_attempt(attempt, row, operation, places.get(attempt.provider)),
            has_failed=attempt.verdict not in ENDED_WELL,
        )


def _span_id(number: int) -> bytes:
    """The request id's own random end, which is never 0 but once in 2^64 calls."""
    return (number & SPAN_ID_MASK or 1).to_bytes(8)


def _operation(row: RequestRow) -> str:
    if row.operation == "generate" and row.protocol == "gemini_generate_content":
        return "generate_content"
    return OPERATIONS.get(row.operation, row.operation)


def _of_call(row: RequestRow) -> dict[str, Value]:
    told: dict[str, Value] = {
        "http.response.status_code": row.status,
        "omnillm.request_id": row.request_id,
        "omnillm.caller": row.caller,
        "omnillm.protocol": row.protocol,
        "omnillm.operation": row.operation,
        "omnillm.model": row.model,
        "omnillm.provider": row.provider,
        "omnillm.upstream_model": row.upstream_model,
        "omnillm.key": row.key,
        "omnillm.outcome": row.outcome,
        "omnillm.stream": row.is_stream,
        "omnillm.attempts": row.attempts,
        "omnillm.cost_nanousd": row.cost_nanousd,
        "omnillm.cost_estimated": row.is_estimated,
        "omnillm.tags": row.tags,
        "omnillm.loss": row.loss,
        "gen_ai.conversation.id": row.session,
    }
    if row.outcome not in ENDED_WELL:
        told["error.type"] = row.outcome
    return told


def _of_attempt(attempt: AttemptRow, row: RequestRow, operation: str, place: Place | None) -> dict[str, Value]:
    usage = attempt.usage
    told: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": attempt.provider if place is None else place.provider,
        "gen_ai.request.model": attempt.model,
        "gen_ai.request.stream": row.is_stream,
        "gen_ai.conversation.id": row.session,
        "omnillm.request_id": row.request_id,
        "omnillm.upstream_request_id": attempt.upstream_request_id,
        "omnillm.caller": row.caller,
        "omnillm.provider": attempt.provider,
        "omnillm.key": attempt.key,
        "omnillm.attempt": attempt.attempt,
        "omnillm.outcome": attempt.verdict,
        "omnillm.cost_nanousd": attempt.cost_nanousd,
        "omnillm.cost_estimated": attempt.is_estimated,
    }
    if place is not None:
        told |= {"server.address": place.host, "server.port": place.port}
    if attempt.status:
        told["http.response.status_code"] = attempt.status
    if attempt.verdict not in ENDED_WELL:
        told["error.type"] = attempt.error or attempt.verdict
    if row.is_stream and attempt.first_byte_ms >= 0:
        told["gen_ai.response.time_to_first_chunk"] = attempt.first_byte_ms / 1000
    if attempt.is_usage_known:
        told |= {
            "gen_ai.usage.input_tokens": usage.prompt_tokens,
            "gen_ai.usage.output_tokens": usage.completion_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cache_read + usage.cache_read_audio + usage.cache_read_image,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_short + usage.cache_write_long,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        }
    return told
