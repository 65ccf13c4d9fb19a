"""Properties of all codecs over the whole canonical model: nothing is lost in silence, and no input makes one fall over."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocols.cases import PROTOCOLS, REPLIES, REQUESTS
from tests.protocols.directions import CONTEXT, events_of, reassembled, sdk_reads, sdk_reads_events, streamed
from tests.protocols.test_directions import comparable

from omnillm.errors import BadRequest, ProtocolError, UpstreamLost
from omnillm.framing.sse import Frame, SseReader
from omnillm.model import LlmRequest, LlmResponse, LlmStreamEvent, ResponseAssembler
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, emit_response, parse_request, parse_response
from omnillm.testing import strategies

protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


@protocols
@given(request=strategies.requests())
def test_any_request_comes_back_or_says_what_was_lost(protocol: str, request: LlmRequest) -> None:
    """decode(encode(x)) == x, or the report is not empty."""
    report = emit_request(protocol, request)
    back = parse_request(protocol, report.value, model=request.model, is_stream=request.is_stream)
    if not report.loss_reasons and not back.loss_reasons:
        assert msgspec.structs.replace(back.value, protocol="", wants_stream_usage=True) == request


@protocols
@given(reply=strategies.replies())
def test_any_reply_comes_back_or_says_what_was_lost(protocol: str, reply: LlmResponse) -> None:
    """And the official SDK reads it."""
    report = emit_response(protocol, reply, CONTEXT)
    sdk_reads(protocol, report.value)
    if not report.loss_reasons:
        assert comparable(parse_response(protocol, report.value).value) == comparable(reply)


@protocols
@given(events=strategies.event_sequences())
def test_any_stream_comes_back_or_says_what_was_lost(protocol: str, events: tuple[LlmStreamEvent, ...]) -> None:
    """Whatever the order in which its parts grow."""
    assembler = ResponseAssembler()
    for event in events:
        assembler.feed(event)
    frames, reasons = streamed(events, protocol)
    sdk_reads_events(protocol, frames)
    back, _ = reassembled(frames, protocol)
    if not reasons:
        assert comparable(back) == comparable(assembler.response())


def raw_stream(protocol: str, number: int) -> list[Frame]:
    return streamed(events_of(REPLIES[number].reply), protocol).frames


def read_pieces(protocol: str, pieces: list[bytes]) -> bytes:
    transcoder = StreamTranscoder(protocol, "canonical", context=CONTEXT)
    return b"".join(transcoder.feed(piece) for piece in pieces) + transcoder.feed(b"")


@protocols
@pytest.mark.parametrize("number", range(3))
@given(cuts=st.sets(st.integers(1, 4000), max_size=8))
@settings(max_examples=20)
def test_stream_is_the_same_however_it_is_split(protocol: str, number: int, cuts: set[int]) -> None:
    """Whole, byte by byte, or at random places."""
    raw = b"".join(frame.raw for frame in raw_stream(protocol, number))
    whole = read_pieces(protocol, [raw])
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    assert read_pieces(protocol, [raw[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]) == whole
    if not cuts:
        assert read_pieces(protocol, [raw[at : at + 1] for at in range(len(raw))]) == whole


@protocols
@pytest.mark.parametrize("number", range(3))
def test_cut_stream_is_never_success(protocol: str, number: int) -> None:
    """At every offset before the last event."""
    frames = raw_stream(protocol, number)
    raw = b"".join(frame.raw for frame in frames)
    # Gemini has no terminal event: once its finish reason was seen, the end of the stream is the end.
    end = len(raw) - len(frames[-1].raw)
    for at in range(end):
        with pytest.raises(UpstreamLost):
            read_pieces(protocol, [raw[:at]])


ODD = (None, True, 0, -1, 1.5, "", "x", [], [[]], {}, {"type": "x"}, [{"type": "text"}], 2**80, "\ud83d", [None], {"text": None})


@st.composite
def mutations(draw: st.DrawFn, value: object) -> object:
    """The value with one member somewhere inside replaced, removed or repeated."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 5)) == 0:
            return {other: member for other, member in value.items() if other != name}
        return {**value, name: draw(mutations(value[name]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(mutations(value[at])), *value[at:]]
    return draw(st.sampled_from(ODD))


def request_bodies(protocol: str) -> list[object]:
    found = []
    for case in REQUESTS:
        try:
            found.append(msgspec.json.decode(emit_request(protocol, case.request).value))
        except ProtocolError:
            continue
    return found


def encoded(value: object) -> bytes:
    return msgspec.json.encode(value)


@protocols
@given(data=st.data())
@settings(max_examples=150)
def test_odd_request_is_the_clients_mistake(protocol: str, data: st.DataObject) -> None:
    """BadRequest with the path of the field, or it is read; and what is read can be said in every protocol."""
    body = data.draw(st.sampled_from(request_bodies(protocol)))
    for _ in range(data.draw(st.integers(1, 3))):
        body = data.draw(mutations(body))
    try:
        request = parse_request(protocol, encoded(body), model="model-1").value
    except BadRequest as error:
        assert error.message  # noqa: PT017 - both ways out are right
        return
    for target in PROTOCOLS:
        try:
            emit_request(target, request)
        except ProtocolError:
            continue


@protocols
@given(data=st.data())
@settings(max_examples=150)
def test_odd_reply_is_the_providers_mistake(protocol: str, data: st.DataObject) -> None:
    """UpstreamLost, or it is read; and what is read every client's SDK can read."""
    body: object = msgspec.json.decode(emit_response(protocol, data.draw(st.sampled_from(REPLIES)).reply, CONTEXT).value)
    for _ in range(data.draw(st.integers(1, 3))):
        body = data.draw(mutations(body))
    try:
        reply = parse_response(protocol, encoded(body)).value
    except UpstreamLost:
        return
    for target in PROTOCOLS:
        sdk_reads(target, emit_response(target, reply, CONTEXT).value)


@protocols
@given(data=st.data())
@settings(max_examples=100)
def test_odd_stream_is_the_providers_mistake(protocol: str, data: st.DataObject) -> None:
    """UpstreamLost, or it is read: an encoder of any protocol never falls over a decoder's events."""
    frames = raw_stream(protocol, data.draw(st.integers(0, len(REPLIES) - 1)))
    at = data.draw(st.integers(0, len(frames) - 1))
    if frames[at].data in {b"", b"[DONE]"}:
        return
    odd = encoded(data.draw(mutations(msgspec.json.decode(frames[at].data))))
    name = b"event: %b\n" % frames[at].event if frames[at].event != b"message" else b""
    pieces = [frame.raw for frame in frames[:at]] + [name + b"data: " + odd + b"\n\n"] + [frame.raw for frame in frames[at + 1 :]]
    for target in PROTOCOLS:
        transcoder = StreamTranscoder(protocol, target, context=CONTEXT)
        try:
            for piece in pieces:
                list(SseReader().feed(transcoder.feed(piece)))
            transcoder.feed(b"")
        except UpstreamLost:
            continue
