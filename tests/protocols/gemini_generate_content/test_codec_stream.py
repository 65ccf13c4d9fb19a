"""Chunks of generateContent to events, and native streams there and back."""

import json
from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.conftest import recordings
from tests.protocols.gemini_generate_content.bodies import PNG, SIGNATURE, call, inline, signed
from tests.protocols.gemini_generate_content.replies import ISSUER, REPLIES, USAGE, P, assembled, decode, encode, known_to_sdk, parse, reply
from tests.protocols.gemini_generate_content.streaming import chunk, piece

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
    Native,
    Opaque,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    UsageReported,
)
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

OWN = Opaque(value=SIGNATURE, issuer=ISSUER)
STARTED = ResponseStarted(id="r1", model="gemini-3", usage=Usage(input=20, output=7, reasoning=3), protocol=P)


def end(*parts: dict, **members: Any) -> dict:
    return chunk(*parts, finish="STOP", **members)


def partial(*pieces: dict, **members: Any) -> dict:
    return {"functionCall": {**({"partialArgs": list(pieces)} if pieces else {}), **members}}


def recorded_chunks(path: Any) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def test_life_of_a_stream() -> None:
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


def test_signature_ends_the_part_that_it_signs() -> None:
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


def test_whole_parts() -> None:
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


def test_sound_comes_in_pieces() -> None:
    """Of one media type, one after another."""
    events = decode(chunk(inline("audio/wav", b"RI")), chunk(inline("audio/wav", b"FF")), end(inline("audio/mp3", b"ID3")))
    assert [type(event) for event in events[1:6]] == [PartStarted, AudioDelta, PartEnded, PartStarted, PartEnded]
    first, second = assembled(events).message.parts
    assert isinstance(first, Audio)
    assert isinstance(first.source, InlineSource)
    assert (first.source.data, first.format) == (b"RIFF", "wav")
    assert second == Audio(source=InlineSource(data=b"ID3", media_type="audio/mp3"), format="mp3")


def test_call_in_pieces() -> None:
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


def test_call_in_pieces_that_nothing_ends() -> None:
    """The next call or the end of the stream does."""
    parts = assembled(
        decode(
            chunk(partial(piece("$.a", 1), name="f", willContinue=True)),
            chunk(partial(name="g", willContinue=True)),
            end(partial(piece("$.b", 2), willContinue=True)),
        )
    ).message.tool_calls
    assert [(made.name, made.arguments) for made in parts] == [("f", '{"a":1}'), ("g", '{"b":2}')]


@in_turn(
    ("odd", "place"),
    [
        *((piece(path, 5), "partialArgs.jsonPath") for path in ("", "a", "$", "$.", "$.a[", "$[0]", "$.a[5]", "$.t.x", "$.a..b")),
        ({"jsonPath": 5}, "partialArgs.jsonPath"),
        ({"jsonPath": "$.a", "stringValue": 5}, "partialArgs.stringValue"),
        ("$.a", "partialArgs"),
    ],
)
def test_odd_piece_is_the_providers_mistake(odd: Any, place: str) -> None:
    """It is named."""
    with pytest.raises(Unfit) as caught:
        decode(chunk(partial(piece("$.t", "x"), odd, name="f", willContinue=True)))
    assert caught.value.path == f"candidates[0].content.parts[0].functionCall.{place}"


def test_several_candidates_grow_at_once() -> None:
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


def test_sources_are_cited_before_the_text_ends() -> None:
    """They come in the last chunk, and count bytes of the whole text; of one that has ended they stay the candidate's own."""
    grounding = REPLIES["sources"]["candidates"][0]["groundingMetadata"]
    events = decode(chunk({"text": "Größe "}), end({"text": "149 m"}, groundingMetadata=grounding))
    assert CitationAdded(index=0, citation=Citation(url="https://a.b", title="Lake", start=5, end=10, protocol=P)) in events
    assert assembled(events).candidates == parse(REPLIES["sources"])[0].candidates
    late = decode(chunk({"text": "Größe 149 m"}), chunk(inline("image/png", PNG)), end({"text": "b"}, groundingMetadata=grounding))
    assert not [event for event in late if isinstance(event, CitationAdded)]


def test_log_probabilities_come_with_their_text() -> None:
    """In Chat's words."""
    logprobs = REPLIES["log probabilities"]["candidates"][0]["logprobsResult"]
    [delta] = [event for event in decode(end({"text": "149"}, logprobsResult=logprobs)) if isinstance(event, TextDelta)]
    assert delta.logprobs["content"][0]["token"] == "149"


def test_last_usage_counts() -> None:
    """One without counts takes nothing back."""
    late = {"promptTokenCount": 20, "candidatesTokenCount": 9}
    events = decode(
        chunk({"text": "a"}), {**end({"text": "b"}), "usageMetadata": late}, {**reply(), "usageMetadata": {"trafficType": "ON_DEMAND"}}
    )
    assert events[-2] == UsageReported(usage=Usage(input=20, output=9), raw=late)


def test_blocked_prompt() -> None:
    """Is a whole stream without candidates."""
    events = decode(REPLIES["blocked prompt"])
    assert [type(event) for event in events] == [ResponseStarted, UsageReported, Completed]
    assert assembled(events).finish_reason is FinishReason.CONTENT_FILTER


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: [error]])
def test_error_in_the_stream(wrap: Any) -> None:
    """Is the last event, and no second mistake of its end."""
    error = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}
    events = decode(chunk({"text": "a"}), wrap(error), chunk({"text": "b"}))
    assert events[-1] == Failed(code="RESOURCE_EXHAUSTED", message="slow", status=429)
    assert TextDelta(index=0, text="b") not in events


def test_stream_without_end_is_no_success() -> None:
    """Neither an empty one."""
    for chunks in ((), (chunk({"text": "a"}),), (chunk({"text": "a"}, finish="FINISH_REASON_UNSPECIFIED"),), (reply(),)):
        with pytest.raises(Unfit):
            decode(*chunks)


@in_turn(
    ("path", "odd"),
    [
        ("", 5),
        ("candidates", {"candidates": 5}),
        ("candidates[0]", {"candidates": [5]}),
        ("candidates[0].index", {"candidates": [{"index": 999}]}),
        ("candidates[0].content.parts", {"candidates": [{"content": {"parts": 5}}]}),
        ("candidates[0].content.parts[1].text", chunk({"text": "a"}, {"text": 5})),
        ("candidates[0].content.parts[0].functionCall", chunk({"functionCall": 5})),
        ("candidates[0].content.parts[0].functionCall.name", chunk(partial(name=5, willContinue=True))),
        ("candidates[0].finishReason", {"candidates": [{"finishReason": 5}]}),
        ("usageMetadata", {"usageMetadata": 5}),
    ],
)
def test_unfit_value_is_named_by_its_path(path: str, odd: Any) -> None:
    """In the words of this protocol."""
    with pytest.raises(Unfit) as caught:
        decode(odd)
    assert caught.value.path == path


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
