"""Properties of all codecs over the whole canonical model: nothing is lost in silence, and a stream is the same however it is cut."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.in_turn import in_turn
from tests.model import strategies
from tests.protocols.cases import PROTOCOLS, REPLIES
from tests.protocols.directions import (
    CONTEXT,
    compared_replies,
    compared_requests,
    events_of,
    reassembled,
    sdk_reads,
    sdk_reads_events,
    streamed,
)

from omnillm.errors import UpstreamLost
from omnillm.framing.sse import Frame
from omnillm.model import LlmRequest, LlmResponse, LlmStreamEvent, ResponseAssembler
from omnillm.protocols.stream_transcoder import (
    StreamTranscoder,
    emit_stream_event,
    parse_stream_event,
    stream_decoder,
    stream_encoder,
    transcode_stream_event,
)
from omnillm.protocols.transcode import emit_request, emit_response, parse_request, parse_response

protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


@given(request=strategies.requests())
@in_turn("protocol", PROTOCOLS)
def test_any_request_comes_back_or_says_what_was_lost(protocol: str, request: LlmRequest) -> None:
    """decode(encode(x)) == x, or the report is not empty."""
    report = emit_request(protocol, request)
    back = parse_request(protocol, report.value, model=request.model, is_stream=request.is_stream)
    if not report.loss_reasons and not back.loss_reasons:
        read, written = compared_requests(back.value, request)
        assert read == written


@given(reply=strategies.replies())
@in_turn("protocol", PROTOCOLS)
def test_any_reply_comes_back_or_says_what_was_lost(protocol: str, reply: LlmResponse) -> None:
    """And the official SDK reads it."""
    report = emit_response(protocol, reply, CONTEXT)
    sdk_reads(protocol, report.value)
    if not report.loss_reasons:
        read, written = compared_replies(parse_response(protocol, report.value).value, reply)
        assert read == written


@given(events=strategies.event_sequences())
@in_turn("protocol", PROTOCOLS)
def test_any_stream_comes_back_or_says_what_was_lost(protocol: str, events: tuple[LlmStreamEvent, ...]) -> None:
    """Whatever the order in which its parts grow."""
    assembler = ResponseAssembler()
    for event in events:
        assembler.feed(event)
    frames, reasons = streamed(events, protocol)
    sdk_reads_events(protocol, frames)
    back, _ = reassembled(frames, protocol)
    if not reasons:
        read, written = compared_replies(back, assembler.response())
        assert read == written


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
    assert read_pieces(protocol, [raw[begin:end] for begin, end in pairwise(edges)]) == whole
    if not cuts:
        assert read_pieces(protocol, [raw[at : at + 1] for at in range(len(raw))]) == whole


@protocols
def test_stream_can_be_translated_event_by_event(protocol: str) -> None:
    """By the halves of a translation, or by its transcoder: the client gets the same bytes. What is garbled is the provider's mistake."""
    frames = raw_stream("openai_chat", 2)
    whole = StreamTranscoder("openai_chat", protocol, context=CONTEXT)
    expected = b"".join(whole.feed(frame.raw) for frame in frames) + whole.feed(b"")
    by_event = StreamTranscoder("openai_chat", protocol, context=CONTEXT)
    reports = [transcode_stream_event(by_event, frame) for frame in frames]
    assert b"".join(report.value for report in reports) + by_event.finish() == expected
    assert {(report.wire_format, report.bridged) for report in reports} == {(protocol, protocol != "openai_chat")}
    assert reports[-1].loss_reasons == whole.losses.reasons
    decoder, encoder = stream_decoder("openai_chat"), stream_encoder(protocol, context=CONTEXT)
    events = [event for frame in frames for event in parse_stream_event(decoder, frame)] + [*decoder.finish()]
    assert b"".join(emit_stream_event(encoder, event) for event in events) == expected
    for garbled in (b"{", b'{"choices":5}'):
        with pytest.raises(UpstreamLost, match="answered what its protocol does not allow"):
            parse_stream_event(stream_decoder("openai_chat"), Frame(b"data: %b\n\n" % garbled, garbled, b""))


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
