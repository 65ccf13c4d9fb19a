"""Streams of streamGenerateContent, read to canonical events and written from them."""

import itertools
import json
from typing import Any

import pytest
from google.genai.chats import _validate_response
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn
from tests.protocols.conftest import recordings
from tests.protocols.gemini_generate_content.bodies import PNG, SIGNATURE, call, inline, signed
from tests.protocols.gemini_generate_content.replies import (
    ISSUER,
    REPLIES,
    USAGE,
    P,
    assembled,
    candidate,
    decode,
    encode,
    frame,
    known_to_sdk,
    parse,
    reply,
    sdk_reads,
)

from omnillm.framing.sse import SseReader
from omnillm.model import (
    Audio,
    AudioDelta,
    Citation,
    CitationAdded,
    Completed,
    Failed,
    Finished,
    FinishReason,
    ImageBase64,
    InlineSource,
    Issuer,
    LlmStreamEvent,
    Native,
    NativeEvent,
    Opaque,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageReported,
)
from omnillm.protocols.envelope import seal
from omnillm.protocols.gemini_generate_content import CODEC
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

FOREIGN = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages"))
OWN = Opaque(value=SIGNATURE, issuer=ISSUER)
STARTED = ResponseStarted(id="r1", model="gemini-3", usage=Usage(input=20, output=7, reasoning=3), protocol=P)
IDENTITY = {"modelVersion": "m", "responseId": "abc"}


def chunk(*parts: dict, finish: str = "", index: int = 0, **members: Any) -> dict:
    piece = candidate(*parts, finish=finish, index=index, **members)
    return reply(piece if finish else {name: value for name, value in piece.items() if name != "finishReason"})


def end(*parts: dict, **members: Any) -> dict:
    return chunk(*parts, finish="STOP", **members)


def partial(*pieces: dict, **members: Any) -> dict:
    return {"functionCall": {**({"partialArgs": list(pieces)} if pieces else {}), **members}}


def piece(path: str, value: Any, *, goes_on: bool = False) -> dict:
    kinds = {str: "stringValue", int: "numberValue", float: "numberValue", bool: "boolValue", type(None): "nullValue"}
    return {"jsonPath": path, kinds[type(value)]: "NULL_VALUE" if value is None else value, **({"willContinue": True} if goes_on else {})}


def recorded_chunks(path: Any) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


class TestReading:
    """Chunks to events."""

    def test_life_of_a_stream(self) -> None:
        """Pieces of one kind are one part; all ends with the stream, for sources and usage may come after the finishReason."""
        chunks = (
            chunk({"text": "H", "thought": True}),
            chunk({"text": "m.", "thought": True}, {"text": "14"}),
            chunk({"text": "9 m"}),
            end({"text": ""}),
        )
        assert decode(*chunks) == [
            STARTED,
            PartStarted(index=0, part=Reasoning()),
            ReasoningDelta(index=0, text="H"),
            ReasoningDelta(index=0, text="m."),
            PartEnded(index=0),
            PartStarted(index=1, part=Text(text="")),
            TextDelta(index=1, text="14"),
            TextDelta(index=1, text="9 m"),
            PartEnded(index=1),
            Finished(reason=FinishReason.STOP),
            UsageReported(usage=Usage(input=20, output=7, reasoning=3), raw=USAGE),
            Completed(),
        ]

    def test_signature_ends_the_part_that_it_signs(self) -> None:
        """On its last piece, or on an empty text after it."""
        chunks = (
            chunk({"text": "Hm.", "thought": True}),
            chunk(signed({"text": ""})),
            chunk({"text": "a"}),
            chunk(signed({"text": "b"})),
            chunk({"text": "c"}),
            end(signed({"text": ""})),
        )
        assert assembled(decode(*chunks)).message.parts == (
            Reasoning(text="Hm.", opaque=OWN),
            Text(text="ab", signature=OWN),
            Text(text="c", signature=OWN),
        )

    def test_whole_parts(self) -> None:
        """Calls, images and server tools come at once, between texts."""
        code = {"executableCode": {"code": "1"}}
        parts = assembled(
            decode(
                chunk({"text": "a"}, signed(call(id="c1"))),
                chunk(inline("image/png", PNG), code),
                end({"text": "b"}, signed({"text": "", "thought": True})),
            )
        ).message.parts
        assert parts == (
            Text(text="a"),
            ToolCall(call_id="c1", name="search", arguments='{"query":"lake"}', signature=OWN),
            ImageBase64(data=PNG, media_type="image/png"),
            Native(protocol=P, kind="executableCode", value=code),
            Text(text="b"),
            Reasoning(opaque=OWN),
        )

    def test_sound_comes_in_pieces(self) -> None:
        """Of one media type, one after another."""
        events = decode(chunk(inline("audio/wav", b"RI")), chunk(inline("audio/wav", b"FF")), end(inline("audio/mp3", b"ID3")))
        assert [type(event) for event in events[1:6]] == [PartStarted, AudioDelta, PartEnded, PartStarted, PartEnded]
        first, second = assembled(events).message.parts
        assert isinstance(first, Audio)
        assert isinstance(first.source, InlineSource)
        assert (first.source.data, first.format) == (b"RIFF", "wav")
        assert second == Audio(source=InlineSource(data=b"ID3", media_type="audio/mp3"), format="mp3")

    def test_call_in_pieces(self) -> None:
        """Vertex streams values at JSON paths; the call begins when it is whole."""
        pieces = (
            partial(name="f", willContinue=True),
            partial(piece("$.a.b[0].c", "x", goes_on=True), willContinue=True),
            partial(piece("$.a.b[0].c", "y"), piece("$.a.b[1]", 5), willContinue=True),
            partial(piece("$['odd key']", True), piece('$["none"]', None), willContinue=True),
            partial(),
        )
        events = decode(*(chunk(signed(each) if not number else each) for number, each in enumerate(pieces)), end({"text": "b"}))
        [made, _] = assembled(events).message.parts
        assert isinstance(made, ToolCall)
        assert json.loads(made.arguments) == {"a": {"b": [{"c": "xy"}, 5]}, "odd key": True, "none": None}
        assert (made.name, made.signature) == ("f", OWN)

    def test_call_in_pieces_that_nothing_ends(self) -> None:
        """The next call or the end of the stream does."""
        parts = assembled(
            decode(
                chunk(partial(piece("$.a", 1), name="f", willContinue=True)),
                chunk(partial(name="g", willContinue=True)),
                end(partial(piece("$.b", 2), willContinue=True)),
            )
        ).message.tool_calls
        assert [(made.name, made.arguments) for made in parts] == [("f", '{"a":1}'), ("g", '{"b":2}')]

    @pytest.mark.parametrize("path", ["", "a", "$", "$.", "$.a[", "$[0]", "$.a[5]", "$.t.x", "$.a..b"])
    def test_odd_path_is_the_providers_mistake(self, path: str) -> None:
        """It is named."""
        with pytest.raises(Unfit) as caught:
            decode(chunk(partial(piece("$.t", "x"), piece(path, 5), name="f", willContinue=True)))
        assert caught.value.path == "candidates[0].content.parts[0].functionCall.partialArgs.jsonPath"

    def test_several_candidates_grow_at_once(self) -> None:
        """Each has its index, and the stream needs all their ends."""
        chunks = (
            reply({"content": {"parts": [{"text": "a"}]}, "index": 0}, {"content": {"parts": [{"text": "x"}]}, "index": 1}),
            chunk({"text": "b"}),
            end({"text": "y"}, index=1),
        )
        with pytest.raises(Unfit):
            decode(*chunks)
        response = assembled(decode(*chunks, chunk(finish="MAX_TOKENS")))
        assert [(each.message.plain_text, each.finish_reason) for each in response.candidates] == [
            ("ab", FinishReason.LENGTH),
            ("xy", FinishReason.STOP),
        ]

    def test_sources_are_cited_before_the_text_ends(self) -> None:
        """They come in the last chunk, and count bytes of the whole text."""
        grounding = REPLIES["sources"]["candidates"][0]["groundingMetadata"]
        events = decode(chunk({"text": "Größe "}), end({"text": "149 m"}, groundingMetadata=grounding))
        assert CitationAdded(index=0, citation=Citation(url="https://a.b", title="Lake", start=5, end=10, protocol=P)) in events
        assert assembled(events).candidates == parse(REPLIES["sources"])[0].candidates

    def test_log_probabilities_come_with_their_text(self) -> None:
        """In Chat's words."""
        logprobs = REPLIES["log probabilities"]["candidates"][0]["logprobsResult"]
        [delta] = [event for event in decode(end({"text": "149"}, logprobsResult=logprobs)) if isinstance(event, TextDelta)]
        assert delta.logprobs["content"][0]["token"] == "149"

    def test_last_usage_counts(self) -> None:
        """One without counts takes nothing back."""
        late = {"promptTokenCount": 20, "candidatesTokenCount": 9}
        events = decode(
            chunk({"text": "a"}), {**end({"text": "b"}), "usageMetadata": late}, {**reply(), "usageMetadata": {"trafficType": "ON_DEMAND"}}
        )
        assert events[-2] == UsageReported(usage=Usage(input=20, output=9), raw=late)

    def test_blocked_prompt(self) -> None:
        """Is a whole stream without candidates."""
        events = decode(REPLIES["blocked prompt"])
        assert [type(event) for event in events] == [ResponseStarted, UsageReported, Completed]
        assert assembled(events).finish_reason is FinishReason.CONTENT_FILTER

    @pytest.mark.parametrize("wrap", [lambda error: error, lambda error: [error]])
    def test_error_in_the_stream(self, wrap: Any) -> None:
        """Is the last event, and no second mistake of its end."""
        error = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}
        events = decode(chunk({"text": "a"}), wrap(error), chunk({"text": "b"}))
        assert events[-1] == Failed(code="RESOURCE_EXHAUSTED", message="slow", status=429)
        assert TextDelta(index=0, text="b") not in events

    def test_stream_without_end_is_no_success(self) -> None:
        """Neither an empty one."""
        for chunks in ((), (chunk({"text": "a"}),), (chunk({"text": "a"}, finish="FINISH_REASON_UNSPECIFIED"),), (reply(),)):
            with pytest.raises(Unfit):
                decode(*chunks)

    @pytest.mark.parametrize(
        ("path", "odd"),
        [
            ("", 5),
            ("candidates", {"candidates": 5}),
            ("candidates[0]", {"candidates": [5]}),
            ("candidates[0].index", {"candidates": [{"index": 999}]}),
            ("candidates[0].content.parts", {"candidates": [{"content": {"parts": 5}}]}),
            ("candidates[0].content.parts[1].text", chunk({"text": "a"}, {"text": 5})),
            ("candidates[0].content.parts[0].functionCall", chunk({"functionCall": 5})),
            ("candidates[0].finishReason", {"candidates": [{"finishReason": 5}]}),
            ("usageMetadata", {"usageMetadata": 5}),
        ],
    )
    def test_unfit_value_is_named_by_its_path(self, path: str, odd: Any) -> None:
        """In the words of this protocol."""
        with pytest.raises(Unfit) as caught:
            decode(odd)
        assert caught.value.path == path


def streamed(*parts: Any, reason: FinishReason = FinishReason.STOP) -> list[LlmStreamEvent]:
    """A stream of another protocol: whole parts, one after the other."""
    events: list[LlmStreamEvent] = [ResponseStarted(id="resp_1", model="m", protocol="openai_responses")]
    for index, part in enumerate(parts):
        events += [PartStarted(index=index, part=part), PartEnded(index=index)]
    return [*events, Finished(reason=reason), Completed()]


def grown(index: int, part: Any, *deltas: Any) -> list[LlmStreamEvent]:
    return [PartStarted(index=index, part=part), *deltas, PartEnded(index=index)]


def parts_of(chunks: list[dict]) -> list[dict]:
    return [part for each in chunks for part in each["candidates"][0]["content"]["parts"]]


class TestWriting:
    """Events to chunks."""

    def test_life_of_a_stream(self) -> None:
        """Every chunk has the reply's id and the model; the last one has why it ended, and the usage."""
        events = (
            ResponseStarted(id="resp_1", model="m", protocol="openai_responses"),
            *grown(0, Text(text=""), TextDelta(index=0, text="14"), TextDelta(index=0, text="9 m")),
            Finished(reason=FinishReason.STOP),
            UsageReported(usage=Usage(input=20, output=7), raw={"input_tokens": 20}),
            Completed(),
        )
        chunks, lost = encode(*events)
        content = [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0} for text in ("14", "9 m", "")]
        usage = {"promptTokenCount": 20, "candidatesTokenCount": 7, "totalTokenCount": 27}
        assert chunks == [
            {"candidates": [content[0]], **IDENTITY},
            {"candidates": [content[1]], **IDENTITY},
            {"candidates": [{**content[2], "finishReason": "STOP"}], "usageMetadata": usage, **IDENTITY},
        ]
        assert lost == {}

    def test_googles_chats_remember_the_turn(self) -> None:
        """A chunk without content would make them forget it."""
        chunks, _ = encode(*streamed(Text(text="a"), ToolCall(call_id="c", name="f", arguments="{}"), reason=FinishReason.TOOL_CALL))
        assert all(_validate_response(sdk_reads(each)) for each in chunks)

    def test_call_is_written_whole(self) -> None:
        """Under the client's name, with what it began with."""
        events = (
            *grown(0, ToolCall(call_id="c", name="f_1", arguments='{"a"'), ToolCallDelta(index=0, arguments=":1}")),
            Finished(reason=FinishReason.TOOL_CALL),
            Completed(),
        )
        chunks, lost = encode(*events)
        assert parts_of(chunks)[0] == call("f.1", {"a": 1}, id="c")
        assert lost == {}

    def test_parts_that_grow_at_once_wait_for_each_other(self) -> None:
        """Gemini's have no numbers."""
        first, second = (ToolCall(call_id=name, name="f") for name in "ab")
        events = (
            PartStarted(index=0, part=first),
            PartStarted(index=1, part=second),
            ToolCallDelta(index=1, arguments="{}"),
            PartStarted(index=2, part=Text(text="")),
            TextDelta(index=2, text="x"),
            PartEnded(index=1),
            ToolCallDelta(index=0, arguments='{"a":1}'),
            PartEnded(index=2),
            PartEnded(index=0),
            Finished(reason=FinishReason.TOOL_CALL),
            Completed(),
        )
        chunks, _ = encode(*events)
        assert parts_of(chunks) == [call("f", {"a": 1}, id="a"), call("f", {}, id="b"), {"text": "x"}, {"text": ""}]

    def test_signatures_stand_on_empty_texts_after_what_they_sign(self) -> None:
        """In an envelope, where they are not Google's."""
        own = Opaque(value=SIGNATURE, issuer=Issuer(protocol=P))
        events = (
            *grown(0, Reasoning(), ReasoningDelta(index=0, text="Hm."), OpaqueAdded(index=0, opaque=FOREIGN)),
            *grown(1, Reasoning(opaque=FOREIGN, is_redacted=True)),
            *grown(2, Reasoning(), OpaqueAdded(index=2, opaque=FOREIGN)),
            *grown(3, Text(text="a"), OpaqueAdded(index=3, opaque=own)),
            *grown(4, ToolCall(call_id="c", name="f", arguments="{}"), OpaqueAdded(index=4, opaque=own)),
            Finished(reason=FinishReason.TOOL_CALL),
            Completed(),
        )
        chunks, lost = encode(*events)
        redacted = seal(Opaque(value="redacted c2ln", issuer=FOREIGN.issuer))
        empty = {"text": "", "thought": True}
        assert parts_of(chunks) == [
            {"text": "Hm.", "thought": True},
            signed(empty, seal(FOREIGN)),
            signed(empty, redacted),
            signed(empty, seal(FOREIGN)),
            {"text": "a"},
            signed({"text": ""}),
            signed(call("f", {}, id="c")),
            {"text": ""},
        ]
        assert lost == {}
        content = [each["candidates"][0]["content"] for each in chunks]
        back = CODEC.parse_request({"contents": content}, Losses()).messages[0].parts
        assert back[:3] == (Reasoning(text="Hm.", opaque=FOREIGN), Reasoning(opaque=FOREIGN, is_redacted=True), Reasoning(opaque=FOREIGN))

    def test_summary_is_a_thought(self) -> None:
        """Its envelope says so, and its client brings it back as one."""
        deltas = [ReasoningDelta(index=0, text=text, summary_index=0) for text in ("So", ".")]
        chunks, lost = encode(
            *grown(0, Reasoning(), *deltas, OpaqueAdded(index=0, opaque=FOREIGN)), Finished(reason=FinishReason.STOP), Completed()
        )
        assert lost == {}
        back = CODEC.parse_request({"contents": [each["candidates"][0]["content"] for each in chunks]}, Losses())
        assert back.messages[0].parts[0] == Reasoning(summary=("So.",), opaque=FOREIGN)
        more = ReasoningDelta(index=0, text="And.", summary_index=1)
        chunks, lost = encode(*grown(0, Reasoning(), *deltas, more), Finished(reason=FinishReason.STOP), Completed())
        assert parts_of(chunks)[2] == {"text": "\n\nAnd.", "thought": True}
        assert lost == {"candidates[0].message.parts[0].summary": "approximated"}

    def test_citations_are_sources_of_the_joined_text(self) -> None:
        """Texts without a signature between them are one to a reader, and so are their bytes."""
        cites = [CitationAdded(index=number, citation=Citation(url="https://a.b", start=0, end=2)) for number in (1, 2)]
        events = (
            *grown(0, Reasoning(text="Hm.")),
            *grown(1, Text(text=""), TextDelta(index=1, text="Öl"), cites[0]),
            *grown(2, Text(text=""), TextDelta(index=2, text="ab"), cites[1]),
            Finished(reason=FinishReason.STOP),
            Completed(),
        )
        chunks, _ = encode(*events)
        grounding = chunks[-1]["candidates"][0]["groundingMetadata"]
        segments = [support["segment"] for support in grounding["groundingSupports"]]
        assert segments == [
            {"partIndex": 1, "startIndex": 0, "endIndex": 3, "text": "Öl"},
            {"partIndex": 1, "startIndex": 3, "endIndex": 5, "text": "ab"},
        ]
        [_, text] = assembled(decode(*chunks)).message.parts
        assert isinstance(text, Text)
        assert [(each.start, each.end) for each in text.citations] == [(0, 2), (2, 4)]

    def test_what_gemini_does_not_have(self) -> None:
        """Each is told."""
        sound = [AudioDelta(index=1, data=b"RI"), AudioDelta(index=1, data=b"FF", transcript="a")]
        events = (
            *grown(0, Refusal(text=""), RefusalDelta(index=0, text="No.")),
            *grown(1, Audio(format="wav", audio_id="x"), *sound),
            *grown(2, Native(protocol="anthropic_messages", kind="x", value={"type": "x"})),
            *grown(3, Text(text="", vendor_extensions={"x": 1})),
            *grown(4, Audio(audio_id="y")),
            NativeEvent(protocol="openai_responses", value={}),
            Finished(reason=FinishReason.STOP_SEQUENCE, stop_sequence="END", vendor_extensions={"y": 1}),
            Completed(vendor_extensions={"z": 1}),
        )
        chunks, lost = encode(*events)
        assert parts_of(chunks) == [{"text": "No."}, inline("audio/wav", b"RI"), inline("audio/wav", b"FF"), {"text": ""}]
        path = "candidates[0].message.parts"
        assert lost == {
            f"{path}[0]": "approximated",
            f"{path}[1].audio_id": "dropped",
            f"{path}[1].transcript": "dropped",
            f"{path}[2]": "dropped",
            f"{path}[3]": "dropped",
            f"{path}[3].vendor_extensions.x": "dropped",
            f"{path}[4]": "dropped",
            f"{path}[4].audio_id": "dropped",
            "events.openai_responses": "dropped",
            "candidates[0].finish_reason": "approximated",
            "candidates[0].stop_sequence": "dropped",
            "candidates[0].vendor_extensions.y": "dropped",
            "vendor_extensions.z": "dropped",
        }

    def test_log_probabilities_stand_in_the_chunk_of_their_text(self) -> None:
        """In Gemini's words."""
        logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
        deltas = [TextDelta(index=0, text="a", logprobs=logprobs), TextDelta(index=0, text="b")]
        chunks, _ = encode(*grown(0, Text(text=""), *deltas), Finished(reason=FinishReason.STOP), Completed())
        assert ["logprobsResult" in each["candidates"][0] for each in chunks] == [True, False, False]

    def test_log_probabilities_without_a_text_are_told(self) -> None:
        """Gemini has them with a piece of the answer."""
        logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
        events = grown(0, Text(text=""), TextDelta(index=0, text="", logprobs=logprobs))
        _, lost = encode(*events, Finished(reason=FinishReason.STOP), Completed())
        assert lost["candidates[0].message.parts[0].logprobs"] == "dropped"

    def test_several_candidates(self) -> None:
        """By their index; one that never said how it ended ended somehow."""
        events = [PartStarted(index=0, part=Text(text=text), candidate=number) for number, text in enumerate("ab")]
        chunks, _ = encode(*events, PartEnded(index=0, candidate=1), Finished(reason=FinishReason.LENGTH, candidate=1), Completed())
        last = chunks[-1]["candidates"]
        assert [(each["index"], each["finishReason"]) for each in last] == [(0, "OTHER"), (1, "MAX_TOKENS")]
        assert [each["candidates"][0]["index"] for each in chunks[:-1]] == [0, 1]

    def test_failure_is_the_last_chunk(self) -> None:
        """SDKs look for `error` at its very beginning."""
        chunks, _ = encode(*streamed(Text(text="a"))[:3], Failed(code="overloaded", message="busy", status=503))
        assert list(chunks[-1]) == ["error"]
        assert chunks[-1]["error"]["code"] == 503


def test_error_is_told_once() -> None:
    """Whatever follows it is nothing."""
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    for late in ([error, error], [[error, error, chunk({"text": "b"})]]):  # one by one, or as an array
        events = decode(chunk({"text": "a"}), *late)
        assert [type(event) for event in events].count(Failed) == 1
        assert isinstance(events[-1], Failed)


def test_log_probabilities_of_a_call_are_told_as_lost() -> None:
    """There is no text that they could belong to."""
    told = {"chosenCandidates": [{"token": "a", "logProbability": -0.5}]}
    losses = Losses()
    decoder = CODEC.decoder(ISSUER, losses)
    decoder.feed(frame(chunk(call(name="f", args={}), logprobsResult=told)))
    assert [reason.path for reason in losses.reasons] == ["candidates[0].logprobs"]


@in_turn("name", REPLIES)
def test_native_stream_comes_back_as_it_was(name: str) -> None:
    """A reply in one chunk; what its parts say is together in the chunks that are written."""
    events = decode(REPLIES[name])
    chunks, lost = encode(*events)
    assert lost == {}
    again = decode(*chunks)
    assert assembled(again) == assembled(events)
    assert again[-2:] == events[-2:]


@in_turn("google_stream", recordings("google", ".chunks.txt"))
def test_recorded_stream_is_read_and_written_again(google_stream: Any) -> None:
    """It says the same, in the words that the SDK knows."""
    recorded = recorded_chunks(google_stream)
    events = decode(*recorded)
    chunks, _ = encode(*events)
    assert assembled(decode(*chunks)) == assembled(events)
    assert merged(chunks) == merged(recorded)


def merged(chunks: list[dict]) -> dict:
    """What the SDK finds in a stream: all that is said of each kind, and the end."""
    read = [known_to_sdk(chunk) for chunk in chunks]
    parts = [part for chunk in read for each in chunk.get("candidates", ()) for part in each.get("content", {}).get("parts") or ()]
    calls = [part["functionCall"]["name"] for part in parts if part.get("functionCall", {}).get("name")]
    return {
        "text": "".join(part.get("text", "") for part in parts if not part.get("thought")),
        "thoughts": "".join(part.get("text", "") for part in parts if part.get("thought")),
        "signatures": [part["thoughtSignature"] for part in parts if "thoughtSignature" in part],
        "calls": calls,
        "finish": read[-1]["candidates"][0]["finishReason"],
        "usage": read[-1]["usageMetadata"],
        "identity": (read[-1]["modelVersion"], read[-1]["responseId"]),
    }


def sse(chunks: list[dict]) -> bytes:
    return b"".join(frame(each).raw for each in chunks)


@given(cuts=st.sets(st.integers(1, 2000), max_size=6), name=st.sampled_from([*REPLIES]))
def test_stream_is_the_same_however_it_is_split(cuts: set[int], name: str) -> None:
    """Whole, or at random places."""
    raw = sse([chunk({"text": "Ö"}), REPLIES[name]])
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    reader, decoder = SseReader(), CODEC.decoder(ISSUER, Losses())
    events = [event for begin, stop in itertools.pairwise(edges) for found in reader.feed(raw[begin:stop]) for event in decoder.feed(found)]
    if name == "blocked prompt":
        decoder.finish()
        return
    assert [*events, *decoder.finish()] == decode(chunk({"text": "Ö"}), REPLIES[name])
