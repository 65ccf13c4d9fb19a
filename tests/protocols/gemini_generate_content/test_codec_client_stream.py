"""Events to chunks of generateContent, as its clients get them, and what is lost."""

from typing import Any

from google.genai.chats import _validate_response
from tests.protocols.gemini_generate_content.bodies import SIGNATURE, call, inline, signed
from tests.protocols.gemini_generate_content.replies import ISSUER, P, assembled, decode, encode, frame, sdk_reads
from tests.protocols.gemini_generate_content.streaming import chunk

from omnillm.model import (
    Audio,
    AudioDelta,
    Citation,
    CitationAdded,
    Completed,
    Failed,
    Finished,
    FinishReason,
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
from omnillm.usage import Usage

FOREIGN = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages"))
IDENTITY = {"modelVersion": "m", "responseId": "abc"}


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


def test_life_of_a_stream() -> None:
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


def test_googles_chats_remember_the_turn() -> None:
    """A chunk without content would make them forget it."""
    chunks, _ = encode(*streamed(Text(text="a"), ToolCall(call_id="c", name="f", arguments="{}"), reason=FinishReason.TOOL_CALL))
    assert all(_validate_response(sdk_reads(each)) for each in chunks)


def test_call_is_written_whole() -> None:
    """Under the client's name, with what it began with."""
    events = (
        *grown(0, ToolCall(call_id="c", name="f_1", arguments='{"a"'), ToolCallDelta(index=0, arguments=":1}")),
        Finished(reason=FinishReason.TOOL_CALL),
        Completed(),
    )
    chunks, lost = encode(*events)
    assert parts_of(chunks)[0] == call("f.1", {"a": 1}, id="c")
    assert lost == {}


def test_parts_that_grow_at_once_wait_for_each_other() -> None:
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


def test_signatures_stand_on_empty_texts_after_what_they_sign() -> None:
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


def test_summary_is_a_thought() -> None:
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


def test_citations_are_sources_of_the_joined_text() -> None:
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


def test_what_gemini_does_not_have() -> None:
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


def test_log_probabilities_stand_in_the_chunk_of_their_text() -> None:
    """In Gemini's words."""
    logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    deltas = [TextDelta(index=0, text="a", logprobs=logprobs), TextDelta(index=0, text="b")]
    chunks, _ = encode(*grown(0, Text(text=""), *deltas), Finished(reason=FinishReason.STOP), Completed())
    assert ["logprobsResult" in each["candidates"][0] for each in chunks] == [True, False, False]


def test_log_probabilities_without_a_text_are_told() -> None:
    """Gemini has them with a piece of the answer."""
    logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    events = grown(0, Text(text=""), TextDelta(index=0, text="", logprobs=logprobs))
    _, lost = encode(*events, Finished(reason=FinishReason.STOP), Completed())
    assert lost["candidates[0].message.parts[0].logprobs"] == "dropped"


def test_several_candidates() -> None:
    """By their index; one that never said how it ended ended somehow."""
    events = [PartStarted(index=0, part=Text(text=text), candidate=number) for number, text in enumerate("ab")]
    chunks, _ = encode(*events, PartEnded(index=0, candidate=1), Finished(reason=FinishReason.LENGTH, candidate=1), Completed())
    last = chunks[-1]["candidates"]
    assert [(each["index"], each["finishReason"]) for each in last] == [(0, "OTHER"), (1, "MAX_TOKENS")]
    assert [each["candidates"][0]["index"] for each in chunks[:-1]] == [0, 1]


def test_failure_is_the_last_chunk() -> None:
    """SDKs look for `error` at its very beginning."""
    chunks, _ = encode(*streamed(Text(text="a"))[:3], Failed(code="overloaded", message="busy", status=503))
    assert list(chunks[-1]) == ["error"]
    assert chunks[-1]["error"]["code"] == 503


def test_error_is_told_once() -> None:
    """Whatever follows it is nothing."""
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    for late in ([error, error], [[error, error, chunk({"text": "b"}), "garbage"]]):  # one by one, or as an array
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
