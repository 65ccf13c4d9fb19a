"""Streams of the Messages API, read to canonical events."""

import json
from typing import Annotated, Any

import pytest
from anthropic.types.beta import BetaRawMessageStreamEvent
from pydantic import Field, TypeAdapter, ValidationError
from tests.in_turn import in_turn
from tests.protocols.anthropic_messages.streaming import ISSUER, OWN, P, block, delta, read_sse, values, whole, write
from tests.protocols.conftest import recordings

from omnillm.framing.sse import Frame
from omnillm.model.events import (
    Completed,
    Failed,
    Finished,
    LlmStreamEvent,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from omnillm.model.message import Native, Opaque, Reasoning, Text, ToolCall
from omnillm.model.response import FinishReason
from omnillm.protocols.anthropic_messages import CODEC
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

START = {
    "type": "message_start",
    "message": {"id": "msg_1", "type": "message", "model": "m", "content": [], "usage": {"input_tokens": 7, "output_tokens": 1}},
}
STOP = {"type": "message_stop"}
BETA_EVENT: TypeAdapter = TypeAdapter(Annotated[BetaRawMessageStreamEvent, Field(discriminator="type")])


def end(stop_reason: str = "end_turn", **usage: int) -> list[dict]:
    return [{"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": 5, **usage}}, STOP]


def read(*events: dict) -> list[LlmStreamEvent]:
    decoder = CODEC.decoder(ISSUER, Losses())
    found = [event for value in events for event in decoder.feed(Frame(raw=b"", data=json.dumps(value).encode()))]
    decoder.finish()
    return found


def recorded(path: Any) -> list[list[dict]]:
    """The streams of a recording; some hold several, one after the other."""
    streams: list[list[dict]] = [[]]
    for line in path.read_bytes().splitlines():
        if line.strip():
            streams[-1].append(json.loads(line))
            if streams[-1][-1]["type"] == "message_stop":
                streams.append([])
    return streams[:-1]


SPLICED = "spliced-message-start.chunks.txt"


def validates(value: dict) -> bool:
    try:
        BETA_EVENT.validate_python(value)
    except ValidationError:
        return False
    return True


@in_turn("anthropic_stream", recordings("anthropic", ".chunks.txt"))
def test_recorded_stream_comes_back_as_the_same_reply(anthropic_stream):
    """Written again, every recorded stream says the same, and satisfies the SDK's types where the recording does."""
    for stream in recorded(anthropic_stream) if anthropic_stream.name != SPLICED else ():
        events = read(*stream)
        raw, lost = write(*events)
        again, first = whole(read_sse(raw)), whole(events)
        assert lost == {}
        assert again.candidates == first.candidates
        assert (again.id, again.model, again.service_tier, again.usage) == (first.id, first.model, first.service_tier, first.usage)
        assert all(map(validates, values(raw))) or not all(map(validates, stream))


def test_two_messages_in_one_stream_are_refused():
    """What was forwarded of the first cannot be taken back; a start that is merely repeated is harmless."""
    opened = block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"})
    with pytest.raises(Unfit, match="only one"):
        read(START, *opened, START, *end())
    assert read(START, START, *opened, *end()) == read(START, *opened, *end())


def test_stream_is_read_step_by_step():
    """Each event as it comes, with what it means."""
    events = read(
        START,
        {"type": "ping"},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "sig"},
        ),
        *block(1, {"type": "redacted_thinking", "data": "d"}),
        *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}),
        *block(
            3,
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"a":1}'},
        ),
        *end("tool_use", input_tokens=9),
    )
    usage = Usage(input=9, output=5)
    assert events == [
        ResponseStarted(id="msg_1", model="m", protocol="anthropic_messages", usage=Usage(input=7, output=1)),
        PartStarted(index=0, part=Reasoning()),
        ReasoningDelta(index=0, text="hm"),
        OpaqueAdded(index=0, opaque=OWN),
        PartEnded(index=0),
        PartStarted(index=1, part=Reasoning(opaque=Opaque(value="d", issuer=ISSUER), is_redacted=True)),
        PartEnded(index=1),
        PartStarted(index=2, part=Text(text="")),
        TextDelta(index=2, text="Hi"),
        PartEnded(index=2),
        PartStarted(index=3, part=ToolCall(call_id="t", name="f")),
        ToolCallDelta(index=3, arguments='{"a":1}'),
        PartEnded(index=3),
        UsageReported(usage=usage, raw={"input_tokens": 9, "output_tokens": 5}),
        Finished(reason=FinishReason.TOOL_CALL),
        Completed(),
    ]


@in_turn(
    ("value", "deltas", "arguments"),
    [
        ({"input": {}}, [], "{}"),
        ({"input": {}}, [{"type": "input_json_delta", "partial_json": ""}], "{}"),
        ({"input": {"a": 1}}, [], '{"a":1}'),
        ({}, [{"type": "input_json_delta", "partial_json": '{"a"'}], '{"a"'),
    ],
)
def test_input_of_a_call_comes_in_deltas_or_whole_in_the_start(value, deltas, arguments):
    """A call without arguments has an empty object, which clients of other protocols can parse."""
    events = read(START, *block(0, {"type": "tool_use", "id": "t", "name": "f", **value}, *deltas), *end())
    assert whole(events).message.tool_calls[0].arguments == arguments


def test_block_that_only_this_protocol_knows_is_read_whole():
    """Put together from its pieces, and kept as it is."""
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"query":', '"q"}')]
    compaction = block(1, {"type": "compaction", "content": None}, {"type": "compaction_delta", "content": "summary"})
    connector = block(2, {"type": "connector_text", "text": ""}, {"type": "text_delta", "text": "a"}, {"type": "text_delta", "text": "b"})
    parts = whole(read(START, *block(0, search, *pieces), *compaction, *connector, *end())).message.parts
    assert parts == (
        Native(protocol=P, kind="server_tool_use", value={**search, "input": {"query": "q"}}),
        Native(protocol=P, kind="compaction", value={"type": "compaction", "content": "summary"}),
        Native(protocol=P, kind="connector_text", value={"type": "connector_text", "text": "ab"}),
    )


def test_what_hosts_leave_out_is_filled_in():
    """The text of a block that opens empty, the reason of an end, the usage of a change, the type of an error."""
    events = read(START, *block(0, {"type": "text"}, {"type": "text_delta", "text": "Hi"}), {"type": "message_delta", "delta": {}}, STOP)
    reply = whole(events)
    assert reply.message.parts == (Text(text="Hi"),)
    assert reply.candidates[0].finish_reason is FinishReason.OTHER
    *_, failed = read(START, {"error": {"type": "overloaded_error", "message": "busy"}})
    assert failed == Failed(code="overloaded_error", message="busy", status=529)


def test_turn_that_comes_whole_in_its_start_is_read():
    """Some hosts send a whole message and then its end."""
    message = START["message"] | {"content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}], "stop_reason": "tool_use"}
    response = whole(read({"type": "message_start", "message": message}, STOP))
    assert response.message.parts == (ToolCall(call_id="t", name="f", arguments="{}"),)
    assert response.finish_reason is FinishReason.TOOL_CALL


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        ({"type": "overloaded_error", "message": "busy"}, Failed(code="overloaded_error", message="busy", status=529)),
        ({"type": "api_error", "message": "oops"}, Failed(code="api_error", message="oops", status=500)),
    ],
)
def test_error_in_the_stream_is_a_failure_both_ways(error, failed):
    """Read and written, with its type and message."""
    assert read(START, {"type": "error", "error": error})[-1] == failed
    raw, _ = write(ResponseStarted(), failed)
    last = values(raw)[-1]
    assert last["type"] == "error"
    assert (last["error"]["type"], last["error"]["message"]) == (error["type"], error["message"])
    assert read_sse(raw)[-1] == failed


@in_turn(
    "events",
    [
        [STOP],
        [START, delta(0, type="text_delta", text="a")],
        [START, {"type": "content_block_start", "index": "0", "content_block": {"type": "text", "text": ""}}],
        [START, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": 1}}],
        [START, block(0, {"type": "text", "text": ""})[0], delta(0, type="text_delta")],
        [START, block(0, {"type": "text", "text": ""})[0], STOP],
        [START, {"type": "message_delta", "delta": {"stop_reason": 1}, "usage": {}}],
        [START, block(0, {"type": "text", "text": ""})[0], {"type": "content_block_delta", "index": 0, "delta": "a"}],
        [START, block(0, {"type": "text", "text": ""})[0], block(0, {"type": "text", "text": ""})[0]],
        [{"type": "message_start", "message": {**START["message"], "content": [7]}}],
        [{"type": "message_start"}],
        [[1]],
    ],
)
def test_stream_of_a_wrong_shape_is_unfit(events):
    """Whatever is wrong with it, only Unfit is raised."""
    with pytest.raises(Unfit):
        read(*events)


def test_input_of_a_server_tool_that_was_cut_short_is_kept_as_text():
    """A cap may end a stream amid its JSON."""
    value = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    events = read(START, *block(0, value, {"type": "input_json_delta", "partial_json": '{"query":'}), *end("max_tokens"))
    assert whole(events).message.parts[0].value["input"] == {"_raw": '{"query":'}
