"""ConverseStream: real event-stream bytes in, canonical events and clients' streams out; nothing that was cut ends as a success."""

import json
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from tests.in_turn import in_turn
from tests.protocols.bedrock_converse.oracle import event as as_the_sdk_reads

from omnillm.errors import UpstreamLost
from omnillm.framing.eventstream import Kind, Message, Value, event, exception, write_message
from omnillm.model import (
    Citation,
    CitationAdded,
    Completed,
    Failed,
    Finished,
    FinishReason,
    ImageBase64,
    Issuer,
    LlmStreamEvent,
    Native,
    Opaque,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageReported,
)
from omnillm.outcome import Verdict
from omnillm.protocols.bedrock_converse import CODEC, PROTOCOL
from omnillm.protocols.bedrock_converse.frames import EventFrames
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Sight
from omnillm.protocols.shapes import Unfit
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.usage import Usage

ISSUER = Issuer(protocol="bedrock_converse", provider="aws")
CONTEXT = ReplyContext(id="1", created=1, model="m")
USAGE = {"inputTokens": 3, "outputTokens": 9, "totalTokens": 12, "cacheReadInputTokens": 2}


def said(kind: str, **members: Any) -> bytes:
    return event(kind, json.dumps({**members, "p": "abcdefgh"}).encode())


def delta(number: int, **members: Any) -> bytes:
    return said("contentBlockDelta", contentBlockIndex=number, delta=members)


def stop(number: int) -> bytes:
    return said("contentBlockStop", contentBlockIndex=number)


START = said("messageStart", role="assistant")
THINKING = [
    delta(0, reasoningContent={"text": "Hm"}),
    delta(0, reasoningContent={"text": "."}),
    delta(0, reasoningContent={"signature": "c2ln"}),
    stop(0),
    delta(1, reasoningContent={"redactedContent": "cmVk"}),
    stop(1),
]
SAYING = [delta(2, text="Ni"), delta(2, text="ne."), stop(2)]
CALLING = [
    said("contentBlockStart", contentBlockIndex=3, start={"toolUse": {"toolUseId": "t1", "name": "search"}}),
    delta(3, toolUse={"input": '{"q":'}),
    delta(3, toolUse={"input": '"x"}'}),
    stop(3),
    said("contentBlockStart", contentBlockIndex=4, start={"toolUse": {"toolUseId": "t2", "name": "now"}}),
    stop(4),
]
ENDING = [said("messageStop", stopReason="tool_use"), said("metadata", usage=USAGE, metrics={"latencyMs": 5})]
WHOLE = [START, *THINKING, *SAYING, *CALLING, *ENDING]


def decoded(raw: bytes) -> list[LlmStreamEvent]:
    frames, decoder = EventFrames(), CODEC.decoder(ISSUER, Losses())
    events = [each for frame in frames.feed(raw) for each in decoder.feed(frame)]
    return [*events, *decoder.finish()]


def test_the_sdk_reads_what_these_tests_send() -> None:
    """The bytes here are ConverseStream's: botocore's parser finds each event by its name."""
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(WHOLE))
    kinds = [next(iter(as_the_sdk_reads(message))) for message in buffer]
    assert kinds[0] == "messageStart"
    assert kinds[-1] == "metadata"
    assert len(kinds) == len(WHOLE)


def test_whole_life_of_a_stream_is_read() -> None:
    """Blocks without a start begin with their first delta; a call without arguments has empty ones; usage comes with the end."""
    assert decoded(b"".join(WHOLE)) == [
        ResponseStarted(protocol="bedrock_converse"),
        PartStarted(index=0, part=Reasoning()),
        ReasoningDelta(index=0, text="Hm"),
        ReasoningDelta(index=0, text="."),
        OpaqueAdded(index=0, opaque=Opaque(value="c2ln", issuer=ISSUER)),
        PartEnded(index=0),
        PartStarted(index=1, part=Reasoning(opaque=Opaque(value="cmVk", issuer=ISSUER), is_redacted=True)),
        PartEnded(index=1),
        PartStarted(index=2, part=Text(text="")),
        TextDelta(index=2, text="Ni"),
        TextDelta(index=2, text="ne."),
        PartEnded(index=2),
        PartStarted(index=3, part=ToolCall(call_id="t1", name="search")),
        ToolCallDelta(index=3, arguments='{"q":'),
        ToolCallDelta(index=3, arguments='"x"}'),
        PartEnded(index=3),
        PartStarted(index=4, part=ToolCall(call_id="t2", name="now")),
        ToolCallDelta(index=4, arguments="{}"),
        PartEnded(index=4),
        UsageReported(usage=Usage(input=3, cache_read=2, output=9), raw=USAGE),
        Finished(reason=FinishReason.TOOL_CALL),
        Completed(),
    ]


CITED = {"title": "Depths", "source": "doc-1", "sourceContent": [{"text": "9 m"}], "location": {"web": {"url": "https://example.com"}}}
RARER = [
    START,
    delta(0, text=""),
    delta(0, text="Nine."),
    delta(0, citation=CITED),
    stop(0),
    delta(1, citation={"title": "Lakes"}),
    stop(1),
    said("contentBlockStart", contentBlockIndex=2, start={"image": {"format": "png"}}),
    delta(2, image={"source": {"bytes": "iVBO"}}),
    delta(2, image={"source": {"bytes": "Rw=="}}),
    stop(2),
    said("contentBlockStart", contentBlockIndex=3, start={"toolUse": {"toolUseId": "t1", "name": "now"}}),
    delta(3, toolUse={"input": ""}),
    stop(3),
    said("contentBlockStart", contentBlockIndex=4, start={"image": {"format": "png"}}),
    stop(4),
    said("messageStop", stopReason="end_turn"),
    said("metadata", metrics={"latencyMs": 5}),
    said("somethingAfterwards"),
]


def test_citations_and_images_are_read() -> None:
    """A citation comes after its words, or opens its text; an image in pieces. A block that says nothing is nothing, nor is what follows the end."""
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(RARER[:-1]))
    assert all(as_the_sdk_reads(message) for message in buffer)
    events = decoded(b"".join(RARER))
    citation = Citation(url="https://example.com", title="Depths", cited_text="9 m", protocol="bedrock_converse", native=CITED)
    assert events == [
        ResponseStarted(protocol="bedrock_converse"),
        PartStarted(index=0, part=Text(text="")),
        TextDelta(index=0, text="Nine."),
        CitationAdded(index=0, citation=citation),
        PartEnded(index=0),
        PartStarted(index=1, part=Text(text="")),
        CitationAdded(index=1, citation=Citation(title="Lakes", protocol="bedrock_converse", native={"title": "Lakes"})),
        PartEnded(index=1),
        PartStarted(index=2, part=ImageBase64(data=b"\x89PNG", media_type="image/png")),
        PartEnded(index=2),
        PartStarted(index=3, part=ToolCall(call_id="t1", name="now")),
        ToolCallDelta(index=3, arguments="{}"),
        PartEnded(index=3),
        Finished(reason=FinishReason.STOP),
        Completed(),
    ]
    client = StreamTranscoder("bedrock_converse", "openai_chat", context=CONTEXT, issuer=ISSUER)
    assert b'"url":"https://example.com"' in client.feed(b"".join(RARER))


@pytest.mark.parametrize("target", ["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"])
def test_every_split_gives_every_client_the_same_stream(target: str) -> None:
    """Cut at any byte; and cut short anywhere it is never a whole one."""
    raw = b"".join(WHOLE)

    def told(*pieces: bytes) -> bytes:
        transcoder = StreamTranscoder("bedrock_converse", target, context=CONTEXT, issuer=ISSUER)
        return b"".join([transcoder.feed(piece) for piece in pieces]) + transcoder.feed(b"")

    whole = told(raw)
    assert b"search" in whole
    for cut in range(1, len(raw), 41):
        assert told(raw[:cut], raw[cut:]) == whole
        with pytest.raises(UpstreamLost):
            told(raw[:cut])
    assert told(*(raw[at : at + 1] for at in range(len(raw)))) == whole


def test_watch_sees_content_usage_and_the_only_end() -> None:
    """Without messageStop and metadata after it no stream is complete."""
    watch = PROTOCOL.watch(False)
    sights = [watch.see(frame) for frame in EventFrames().feed(b"".join(WHOLE))]
    assert sights[0] == Sight.NOTHING
    assert sights[1] == Sight.CONTENT
    assert sights[-1] == Sight.END
    assert Sight.END not in sights[:-1]
    assert watch.usage == Usage(input=3, cache_read=2, output=9)
    assert watch.at_end_of_stream()
    for cut in range(len(WHOLE)):
        short = PROTOCOL.watch(False)
        for frame in EventFrames().feed(b"".join(WHOLE[:cut])):
            short.see(frame)
        assert not short.at_end_of_stream()


@in_turn(
    ("code", "verdict", "status"),
    [
        ("throttlingException", Verdict.RATE_LIMITED, 429),
        ("modelStreamErrorException", Verdict.SERVER_FAULT, 500),
        ("internalServerException", Verdict.SERVER_FAULT, 500),
        ("serviceUnavailableException", Verdict.OVERLOADED, 503),
        ("validationException", Verdict.CALLER_FAULT, 400),
        ("somethingNewException", Verdict.SERVER_FAULT, 500),
    ],
)
def test_exception_in_the_stream_is_its_failure(code: str, verdict: Verdict, status: int) -> None:
    """Named by its frame, whatever its payload is; watch and decoder agree, and nothing follows it."""
    raw = b"".join(WHOLE[:4]) + exception(code, b'{"message":"no more"}')
    watch = PROTOCOL.watch(False)
    assert watch.see(EventFrames().feed(raw)[-1]) == Sight.FAILED
    assert watch.failure is not None
    assert (watch.failure.verdict, watch.failure.message) == (verdict, "no more")
    assert decoded(raw)[-1] == Failed(code=code[0].upper() + code[1:], message="no more", status=status)
    unreadable = b"".join(WHOLE[:4]) + exception(code, b"<html>")
    assert decoded(unreadable)[-1] == Failed(code=code[0].upper() + code[1:], message="", status=status)


def test_error_of_the_framing_service_is_a_failure() -> None:
    """It has headers in place of a payload."""
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "lost"}
    raw = write_message(Message(headers={name: Value(Kind.TEXT, value) for name, value in headers.items()}))
    watch = PROTOCOL.watch(False)
    assert watch.see(EventFrames().feed(raw)[0]) == Sight.FAILED
    assert watch.failure is not None
    assert watch.failure.message == "lost"


IMPOSSIBLE = {
    "no start": SAYING,
    "two starts": [START, START],
    "a delta of a closed block": [START, *SAYING, delta(2, text="x")],
    "a block that begins twice": [START, CALLING[0], CALLING[0]],
    "words in a call": [START, CALLING[0], delta(3, text="x")],
    "arguments in a text": [START, delta(0, text="x"), delta(0, toolUse={"input": "1"})],
    "an open block at the end": [START, delta(0, text="x"), *ENDING],
    "metadata before the end": [START, ENDING[1]],
    "words after the end": [START, ENDING[0], delta(0, text="x")],
    "no block number": [START, said("contentBlockDelta", delta={"text": "x"})],
    "an image in a text": [START, delta(0, text="x"), delta(0, image={"source": {"bytes": "iVBO"}})],
    "redacted words in a text": [START, delta(0, text="x"), delta(0, reasoningContent={"redactedContent": "cmVk"}), stop(0)],
    "no end": [START, *SAYING],
    "a number for a text": [START, delta(0, text=7)],
    "another's role": [said("messageStart", role="user")],
}


@in_turn("name", IMPOSSIBLE)
def test_impossible_streams_are_refused(name: str) -> None:
    """What the life cycle does not allow is the provider's mistake."""
    with pytest.raises(Unfit):
        decoded(b"".join(IMPOSSIBLE[name]))


def test_call_that_the_provider_made_itself_is_no_call_for_the_client() -> None:
    """Its pieces belong to what only Converse knows."""
    use = {"toolUse": {"toolUseId": "t1", "name": "nova_grounding", "type": "server_tool_use"}}
    start = said("contentBlockStart", contentBlockIndex=0, start=use)
    raw = [START, start, delta(0, toolUse={"input": '{"q":"x"}'}), stop(0), delta(1, text="a"), stop(1)]
    events = decoded(b"".join([*raw, said("messageStop", stopReason="end_turn"), said("metadata", usage=USAGE, metrics={})]))
    assert [type(each.part) for each in events if isinstance(each, PartStarted)] == [Native, Text]
    assert not any(isinstance(each, ToolCallDelta) for each in events)
    assert Finished(reason=FinishReason.STOP) in events


def test_picture_that_is_kept_elsewhere_is_told_as_lost() -> None:
    """A stream says where it is, and nobody else can fetch it; or that it could not be made."""
    for image in ({"source": {"s3Location": {"uri": "s3://b/a"}}}, {"error": {"message": "no"}}):
        losses = Losses()
        decoder = CODEC.decoder(ISSUER, losses)
        start = said("contentBlockStart", contentBlockIndex=0, start={"image": {"format": "png"}})
        events = [each for frame in EventFrames().feed(START + start + delta(0, image=image) + stop(0)) for each in decoder.feed(frame)]
        assert [type(event) for event in events] == [ResponseStarted]
        assert [reason.path for reason in losses.reasons] == ["events"]


def test_events_that_are_not_known_are_passed_over() -> None:
    """A new kind of event, or of delta, breaks nothing."""
    raw = [START, said("somethingNew", x=1), delta(0, text="a"), delta(0, somethingNew={}), stop(0), *ENDING]
    assert [each for each in decoded(b"".join(raw)) if isinstance(each, TextDelta)] == [TextDelta(index=0, text="a")]
