"""The canonical model as a protocol of its own: what the library's calls, and `omnillm transcode`, read and write."""

import json

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.cases import PROTOCOLS, REPLIES, REQUESTS, ReplyCase, RequestCase, answers, can
from tests.protocols.directions import CONTEXT, events_of, streamed
from tests.protocols.rare_cases import RARE_REQUESTS

from omnillm.errors import ProtocolError, UpstreamLost
from omnillm.framing.sse import SseReader
from omnillm.model import (
    FinishReason,
    LlmResponse,
    LlmStreamEvent,
    PartEnded,
    PartStarted,
    Reasoning,
    ResponseAssembler,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolDefinition,
)
from omnillm.protocols import canonical
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, emit_response, parse_request, parse_response, transcode_response

FEATURES = (*REQUESTS, *RARE_REQUESTS)
LONG = "search_the_manual_of_the_old_lighthouse_for_everything_that_it_says_of_the_lake"


@in_turn("case", FEATURES, ids=[case.feature for case in FEATURES])
def test_every_request_comes_back_as_it_was(case: RequestCase) -> None:
    """Nothing is lost, for it is the model itself."""
    report = emit_request("canonical", case.request)
    back = parse_request("canonical", report.value, model=case.request.model)
    assert (back.value, report.loss_reasons + back.loss_reasons) == (case.request, ())


@in_turn("case", REPLIES, ids=[case.feature for case in REPLIES])
def test_every_reply_comes_back_as_it_was(case: ReplyCase) -> None:
    """And says to a client of any protocol what the reply itself would have said."""
    report = emit_response("canonical", case.reply, CONTEXT)
    assert (parse_response("canonical", report.value).value, report.loss_reasons) == (case.reply, ())
    for target in PROTOCOLS:
        said, own = transcode_response("canonical", target, report.value, context=CONTEXT), emit_response(target, case.reply, CONTEXT)
        assert (said.value, said.loss_reasons) == (own.value, own.loss_reasons)


@in_turn("is_stream", [False, True])
def test_renamed_function_bears_its_own_name_again(is_stream: bool) -> None:
    """OpenAI takes 64 characters: the library's caller knows nothing of the name that was sent."""
    sent = emit_request("openai_chat", can(tools=(ToolDefinition(name=LONG, input_schema={"type": "object"}),)))
    [name] = sent.names
    assert json.loads(sent.value)["tools"][0]["function"]["name"] == name
    assert len(name) <= 64
    context = msgspec.structs.replace(CONTEXT, names=sent.names)
    called = answers(Text(text="I look."), ToolCall(call_id="call_1", name=name, arguments="{}"), reason=FinishReason.TOOL_CALL)
    if is_stream:
        assembler = ResponseAssembler()
        for frame in streamed(events_of(called), "canonical", context).frames:
            assembler.feed(msgspec.json.decode(frame.data, type=LlmStreamEvent))
        read = assembler.response()
    else:
        body = emit_response("openai_chat", called, CONTEXT).value
        read = msgspec.json.decode(transcode_response("openai_chat", "canonical", body, context=context).value, type=LlmResponse)
    assert [call.name for call in read.candidates[0].message.tool_calls] == [LONG]


def test_stream_without_its_end_is_no_success() -> None:
    """A comment is no event."""
    frames = streamed(events_of(REPLIES[0].reply), "canonical").frames
    raw = b": a comment\n\n" + b"".join(frame.raw for frame in frames)
    assert [frame.data for frame in SseReader().feed(StreamTranscoder("canonical", "canonical", context=CONTEXT).feed(raw))] == [
        frame.data for frame in frames
    ]
    cut = StreamTranscoder("canonical", "openai_chat", context=CONTEXT)
    cut.feed(b"".join(frame.raw for frame in frames[:-1]))
    with pytest.raises(UpstreamLost, match="`stream` must be complete"):
        cut.feed(b"")


@in_turn(
    "events",
    [
        [PartStarted(index=0, part=Text(text="a"))] * 2,
        [PartEnded(index=0)],
        [PartStarted(index=0, part=Reasoning()), TextDelta(index=0, text="a")],
        [PartStarted(index=0, part=Text(text="a")), ToolCallDelta(index=0, arguments="{}")],
        [PartStarted(index=0, part=Text(text="a")), TextDelta(index=0, text="b", candidate=1)],
    ],
)
def test_event_of_a_part_that_cannot_grow_by_it_is_refused(events: list[LlmStreamEvent]) -> None:
    """Whoever writes a stream rests on the life that its events promise; Anthropic's and Responses' writers raised an AttributeError."""
    transcoder = StreamTranscoder("canonical", "anthropic_messages", context=CONTEXT)
    raw = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in (ResponseStarted(), *events))
    with pytest.raises(UpstreamLost, match="`index` must be that of a"):
        transcoder.feed(raw)


@in_turn("name", ["peek_reply", "watch", "read_failure", "write_stream_fault", "read_headroom", "weigh"])
def test_nobody_speaks_it_over_http(name: str) -> None:
    """No provider answers in it, and no client reads it from a socket."""
    with pytest.raises(ProtocolError, match="canonical"):
        getattr(canonical.PROTOCOL, name)(b"")
