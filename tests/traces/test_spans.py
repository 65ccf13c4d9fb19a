"""The rows of a call become spans, by OpenTelemetry's own names."""

import warnings
from itertools import product

from msgspec.structs import replace

from omnillm.records import AttemptRow, RequestRow
from omnillm.trace_context import Parent
from omnillm.traces.spans import CLIENT, INTERNAL, SERVER, Ended, Place, spans_of
from omnillm.usage import Usage

with warnings.catch_warnings():
    # The names have moved to a repository of their own, and there is no package of that yet.
    warnings.simplefilter("ignore", DeprecationWarning)
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes

ID = "0199b6a3f80000000000000000000007"
USAGE = Usage(
    input=5, cache_read=30, cache_read_audio=6, cache_read_image=4, cache_write_short=2, cache_write_long=1, output=7, reasoning=2
)
ROW = RequestRow(
    *(ID, 1000, "2026-11-25", 812, "team-a", "openai_chat", "generate", "fast", "anthropic", "claude", "prod-2", 200, "success", True),
    *(2, USAGE, 345, True, "team=a", "s-1", "tools.x: dropped", 1),
)
FAILED = AttemptRow(
    ID, 1, "openai", "gpt", "prod-1", "rate_limited", 429, 1001, 20, -1, Usage(), False, 0, False, "v", "rate_limit", 1, "req_7"
)
GOOD = AttemptRow(ID, 3, "anthropic", "claude", "prod-2", "success", 200, 1025, 780, 310, USAGE, True, 345, True, "v", "", 1, "req_8")
PLACES = {"anthropic": Place(provider="anthropic", host="api.anthropic.com", port=443)}


def spans(row=ROW, attempts=(FAILED, GOOD), parent=None, kind=SERVER):
    return list(spans_of(Ended(row, attempts, parent), PLACES, kind))


def test_a_call_that_begins_its_trace_gives_it_its_own_id():
    """Who has the request id of a reply finds the trace by it; its attempts are within the call, and none has another's id."""
    call, failed, good = spans()
    assert {span["trace_id"].hex() for span in (call, failed, good)} == {ID}
    assert call["parent_span_id"] == b""
    assert [span["parent_span_id"] for span in (failed, good)] == [call["span_id"]] * 2
    assert len({span["span_id"] for span in (call, failed, good)}) == 3
    assert [(span["name"], span["kind"]) for span in (call, failed, good)] == [
        ("chat fast", SERVER),
        ("chat gpt", CLIENT),
        ("chat claude", CLIENT),
    ]
    assert [span["start_time_unix_nano"] for span in (call, failed, good)] == [1000_000_000, 1001_000_000, 1025_000_000]
    assert [span["end_time_unix_nano"] for span in (call, failed, good)] == [1812_000_000, 1021_000_000, 1805_000_000]
    assert [span["has_failed"] for span in (call, failed, good)] == [False, True, False]


def test_a_call_of_a_clients_trace_is_within_its_span():
    """With its state; and whether the parent is of another process is said, because a library's is not."""
    parent = Parent(trace_id=b"t" * 16, span_id=b"s" * 8, is_sampled=True, state="dd=p:1")
    for kind, flags in ((SERVER, 0x301), (INTERNAL, 0x101)):
        call, attempt, _ = spans(parent=parent, kind=kind)
        assert (call["trace_id"], call["parent_span_id"], call["trace_state"], call["flags"]) == (b"t" * 16, b"s" * 8, "dd=p:1", flags)
        assert (attempt["trace_id"], attempt["parent_span_id"], attempt["flags"]) == (b"t" * 16, call["span_id"], 0x101)


def test_attributes_are_the_conventions_own():
    """Tokens stand on the attempts alone: a backend that adds up what it finds finds them once."""
    call, failed, good = (span["attributes"] for span in spans())
    assert call == {
        "gen_ai.conversation.id": "s-1",
        "http.response.status_code": 200,
        "omnillm.request_id": ID,
        "omnillm.caller": "team-a",
        "omnillm.protocol": "openai_chat",
        "omnillm.operation": "generate",
        "omnillm.model": "fast",
        "omnillm.provider": "anthropic",
        "omnillm.upstream_model": "claude",
        "omnillm.key": "prod-2",
        "omnillm.outcome": "success",
        "omnillm.stream": True,
        "omnillm.attempts": 2,
        "omnillm.cost_nanousd": 345,
        "omnillm.cost_estimated": True,
        "omnillm.tags": "team=a",
        "omnillm.loss": "tools.x: dropped",
    }
    shared = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.stream": True,
        "gen_ai.conversation.id": "s-1",
        "omnillm.request_id": ID,
        "omnillm.caller": "team-a",
    }
    assert failed == shared | {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt",
        "http.response.status_code": 429,
        "error.type": "rate_limit",
        "omnillm.upstream_request_id": "req_7",
        "omnillm.provider": "openai",
        "omnillm.key": "prod-1",
        "omnillm.attempt": 1,
        "omnillm.outcome": "rate_limited",
        "omnillm.cost_nanousd": 0,
        "omnillm.cost_estimated": False,
    }
    assert good == shared | {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude",
        "gen_ai.response.time_to_first_chunk": 0.31,
        "gen_ai.usage.input_tokens": 48,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_creation.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "http.response.status_code": 200,
        "server.address": "api.anthropic.com",
        "server.port": 443,
        "omnillm.upstream_request_id": "req_8",
        "omnillm.provider": "anthropic",
        "omnillm.key": "prod-2",
        "omnillm.attempt": 3,
        "omnillm.outcome": "success",
        "omnillm.cost_nanousd": 345,
        "omnillm.cost_estimated": True,
    }


def test_no_attribute_is_called_by_a_name_that_opentelemetry_does_not_have():
    """Those that are not ours are constants of its package of semantic conventions."""
    modules = (gen_ai_attributes, error_attributes, http_attributes, server_attributes)
    known = {value for module in modules for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}
    told = {name for span in spans() for name in span["attributes"] if not name.startswith("omnillm.")}
    assert len(told) > 14
    assert told <= known
    operations = {each.value for each in gen_ai_attributes.GenAiOperationNameValues}
    for operation, protocol in product(("generate", "embeddings"), ("openai_chat", "gemini_generate_content")):
        [_, attempt, _] = spans(replace(ROW, operation=operation, protocol=protocol))
        assert attempt["attributes"]["gen_ai.operation.name"] in operations


def test_a_failure_is_told_by_its_code():
    """An error of ours or a provider's fails the call; what the caller did, and leaving, do not."""
    for status, outcome, has_failed in ((503, "no_available_key", True), (402, "budget_exceeded", False), (499, "aborted", False)):
        [call] = spans(replace(ROW, status=status, outcome=outcome, attempts=0), ())
        assert call["has_failed"] is has_failed
        assert call["attributes"].get("error.type", "aborted") == outcome
    [_, unanswered] = spans(attempts=(replace(FAILED, status=0, error="", verdict="lost"),))
    assert unanswered["attributes"]["error.type"] == "lost"
    assert "http.response.status_code" not in unanswered["attributes"]
