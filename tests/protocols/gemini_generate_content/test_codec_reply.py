"""Replies of generateContent, read to the canonical model and written again: this protocol's own, then everybody's."""

import json
from typing import Any

import pytest
from google.genai.types import FinishReason as SdkFinishReason
from tests.in_turn import in_turn
from tests.protocols.conftest import recordings
from tests.protocols.directions import events_of, streamed
from tests.protocols.gemini_generate_content.bodies import PNG, SIGNATURE, call, inline, signed
from tests.protocols.gemini_generate_content.replies import ISSUER, REPLIES, USAGE, P, answer, candidate, emit, known_to_sdk, parse, reply

from omnillm.model import (
    Audio,
    Candidate,
    Citation,
    FinishReason,
    ImageBase64,
    InlineSource,
    Issuer,
    LlmResponse,
    Message,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from omnillm.protocols.envelope import seal
from omnillm.protocols.gemini_generate_content import CODEC
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

FOREIGN = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages", provider="anthropic"))
OWN = Opaque(value=SIGNATURE, issuer=ISSUER)


def responds(*parts: Any, reason: FinishReason = FinishReason.STOP, **members: Any) -> LlmResponse:
    made = Candidate(message=Message(role=MessageRole.ASSISTANT, parts=parts), finish_reason=reason, **members)
    return LlmResponse(id="resp_1", model="m", candidates=(made,), protocol="openai_responses")


def written(*parts: Any, **members: Any) -> tuple[list, dict[str, str]]:
    """What becomes of the parts of an answer."""
    body, lost = emit(responds(*parts, **members))
    return body["candidates"][0]["content"]["parts"], lost


@in_turn("name", REPLIES)
def test_native_reply_comes_back_as_it_was(name: str) -> None:
    """Nothing is lost on the way through the canonical model, and every answer is there."""
    response, lost = parse(REPLIES[name])
    assert emit(response) == (REPLIES[name], {})
    assert lost == {}
    assert (response.id, response.model, response.protocol) == ("r1", "gemini-3", P)


@in_turn("google_reply", recordings("google", ".json"))
def test_recorded_reply_loses_nothing_that_the_sdk_knows(google_reply: Any) -> None:
    """Read and written again, Google's own types say the same of it."""
    recorded = json.loads(google_reply.read_bytes())
    if "error" in recorded:
        pytest.skip("an error")
    response, lost = parse(recorded)
    body, lost_again = emit(response)
    assert known_to_sdk(body) == known_to_sdk(recorded)
    assert lost == {}
    assert set(lost_again) <= {"usage"}
    assert response.usage is not None
    assert response.usage.total_tokens == recorded["usageMetadata"]["totalTokenCount"]


def test_normal_form() -> None:
    """Thoughts are reasoning; everything opaque is its issuer's; a stop with a call is a call."""
    response, _ = parse(answer(signed({"text": "Hm.", "thought": True}), signed({"text": "a"}), signed(call("f", {"a": 1}, id="c1"))))
    assert response.message.parts == (
        Reasoning(text="Hm.", opaque=OWN),
        Text(text="a", signature=OWN),
        ToolCall(call_id="c1", name="f", arguments='{"a":1}', signature=OWN),
    )
    assert response.finish_reason is FinishReason.TOOL_CALL
    assert response.usage == Usage(input=20, output=7, reasoning=3)
    assert response.raw_usage == USAGE


def test_signature_on_an_empty_text_is_of_what_stands_before() -> None:
    """As a stream has it."""
    parts = parse(answer({"text": "Hm.", "thought": True}, signed({"text": ""}), {"text": "a"}, signed({"text": ""})))[0].message.parts
    assert parts == (Reasoning(text="Hm.", opaque=OWN), Text(text="a", signature=OWN))


def test_made_up_ids_differ_between_the_replies_of_a_conversation() -> None:
    """And are the same whenever a reply is read."""
    body = answer(call(), call())
    ids = [made.call_id for made in parse(body)[0].message.tool_calls]
    others = [made.call_id for made in parse({**body, "responseId": "r2"})[0].message.tool_calls]
    assert len({*ids, *others}) == 4
    assert ids == [made.call_id for made in parse(body)[0].message.tool_calls]
    assert all(len(made) <= 40 for made in ids)


def test_sources_are_cited_by_characters() -> None:
    """Google counts bytes; a segment outside of the text is left to its own protocol."""
    [part] = parse(REPLIES["sources"])[0].message.parts
    assert isinstance(part, Text)
    assert part.citations == (Citation(url="https://a.b", title="Lake", start=5, end=10, protocol=P),)
    assert parse(REPLIES["sources"])[0].usage == Usage(input=20, output=7, reasoning=3, tool_calls=1)


def test_log_probabilities_are_chats() -> None:
    """And the provider's own stay beside them."""
    [read] = parse(REPLIES["log probabilities"])[0].candidates
    token = {"token": "149", "logprob": -0.1, "bytes": None}
    assert read.logprobs == {"content": [{**token, "top_logprobs": [token]}], "refusal": None}


def test_candidates_come_in_the_order_of_their_index() -> None:
    """Whatever theirs was."""
    response, _ = parse(reply(candidate({"text": "b"}, index=1), candidate({"text": "a"}, index=0)))
    assert [each.message.plain_text for each in response.candidates] == ["a", "b"]


@in_turn("native", [reason.name for reason in SdkFinishReason if reason.name != "FINISH_REASON_UNSPECIFIED"])
def test_every_reason_of_the_sdk_is_understood(native: str) -> None:
    """And comes back."""
    response, _ = parse(answer({"text": "a"}, finish=native))
    assert emit(response)[0]["candidates"][0]["finishReason"] == native
    assert (response.finish_reason is FinishReason.STOP) is (native == "STOP")


@in_turn("reason", FinishReason)
def test_every_canonical_reason_is_one_that_the_sdk_knows(reason: FinishReason) -> None:
    """Or near it, which is told. A word of another protocol's never is written."""
    body, lost = emit(responds(Text(text="a"), reason=reason, native_finish_reason="end_turn"))
    word = body["candidates"][0]["finishReason"]
    assert word in SdkFinishReason.__members__
    assert lost or parse(body)[0].finish_reason is reason


UNFIT: dict[str, dict] = {
    "candidates": {},
    "candidates[0]": reply(5),  # type: ignore[arg-type]
    "candidates[0].content.parts[0].text": answer({"text": 5}),
    "candidates[0].content.parts[1].functionCall.name": answer({"text": "a"}, {"functionCall": {}}),
    "candidates[0].index": answer({"text": "a"}, index="a"),
    "candidates[0].finishReason": answer({"text": "a"}, finish=5),  # type: ignore[arg-type]
    "usageMetadata": {**answer({"text": "a"}), "usageMetadata": []},
    "responseId": {**answer({"text": "a"}), "responseId": 5},
}


@in_turn("path", UNFIT)
def test_unfit_value_is_named_by_its_path(path: str) -> None:
    """In the words of this protocol."""
    with pytest.raises(Unfit) as caught:
        parse(UNFIT[path])
    assert caught.value.path == path


def test_odd_member_that_nobody_needs_spoils_no_answer() -> None:
    """It is left out, and told."""
    response, lost = parse(
        {**answer({"text": "a"}, safetyRatings=[5], finishMessage="x"), "createTime": "soon", "usageMetadata": {"promptTokenCount": "x"}}
    )
    assert lost == {"candidates[0].vendor_extensions.safetyRatings": "dropped", "vendor_extensions.createTime": "dropped"}
    assert (response.content_text, response.usage) == ("a", None)


def test_odd_sources_and_probabilities_spoil_no_answer() -> None:
    """Such as cannot be read, stand in no text, or cite what is not there: the words are all the same."""
    for more in (
        {"groundingMetadata": 7},
        {"groundingMetadata": {"groundingChunks": [], "groundingSupports": [{"segment": {"partIndex": 5}, "groundingChunkIndices": [0]}]}},
        {"logprobsResult": {"chosenCandidates": 7}},
    ):
        response, _ = parse(answer({"text": "a"}, {"text": "b", "thought": True}, {"text": "c"}, **more))
        assert [part.text for part in response.message.parts if isinstance(part, Text)] == ["a", "c"]
        assert response.usage is not None
        assert response.candidates[0].logprobs is None


def test_member_unknown_to_the_sdk_is_kept_and_not_written() -> None:
    """Its strict types would refuse it."""
    native = {"hologram": {"depth": 3}}
    result = {"name": "f", "id": "c1", "response": {"a": 1}}
    response, lost = parse({**answer({"text": "a", "mood": 1}, native, {"functionResponse": {**result, "tone": 1}}, glow=1), "aura": 1})
    assert lost == {}
    assert response.candidates[0].vendor_extensions == {"glow": 1}
    body, lost = emit(response)
    assert body["candidates"] == [candidate({"text": "a"}, {"functionResponse": result})]
    assert len(lost) == 5


class TestEmitting:
    """Canonical replies of every origin."""

    def test_reply_of_another_protocol(self) -> None:
        """Our id, the provider's model, names as the client knows them."""
        body, lost = emit(responds(Text(text="a"), ToolCall(call_id="c", name="f_1", arguments='{"a":1}'), reason=FinishReason.TOOL_CALL))
        assert body["responseId"] == "abc"
        assert body["modelVersion"] == "m"
        assert body["candidates"] == [candidate({"text": "a"}, call("f.1", {"a": 1}, id="c"))]
        assert lost == {}

    def test_opaque_values_are_sealed_for_the_client(self) -> None:
        """This protocol's own stay as they are, unless the SDK would refuse them."""
        loose = Opaque(value="no base64!", issuer=ISSUER)
        parts, lost = written(
            Reasoning(text="Hm.", opaque=FOREIGN),
            Reasoning(opaque=FOREIGN, is_redacted=True),
            Reasoning(opaque=FOREIGN),
            Reasoning(summary=("So.",), opaque=FOREIGN),
            Text(text="a", signature=OWN),
            Text(text="b", signature=loose),
        )
        word = {word: seal(Opaque(value=f"{word} c2ln", issuer=FOREIGN.issuer)) for word in ("redacted", "summary")}
        assert parts == [
            signed({"text": "Hm.", "thought": True}, seal(FOREIGN)),
            signed({"text": "", "thought": True}, word["redacted"]),
            signed({"text": "", "thought": True}, seal(FOREIGN)),
            signed({"text": "So.", "thought": True}, word["summary"]),
            signed({"text": "a"}),
            signed({"text": "b"}, seal(loose)),
        ]
        assert lost == {}

    def test_client_brings_everything_back(self) -> None:
        """The reply as it came is the next request's history."""
        parts = (
            Reasoning(text="Hm.", opaque=FOREIGN),
            Reasoning(opaque=FOREIGN, is_redacted=True),
            Reasoning(opaque=Opaque(value="redacted x", issuer=FOREIGN.issuer)),
            Reasoning(summary=("So.",), opaque=FOREIGN),
            ToolCall(call_id="c", name="f", arguments="{}", signature=FOREIGN),
        )
        body, _ = emit(responds(*parts, reason=FinishReason.TOOL_CALL))
        back = CODEC.parse_request({"contents": [body["candidates"][0]["content"]]}, Losses())
        assert back.messages[0].parts == parts

    @pytest.mark.parametrize("reason", [FinishReason.STOP, FinishReason.REFUSAL, FinishReason.CONTENT_FILTER])
    def test_refusal_is_an_end_for_safety(self, reason: FinishReason) -> None:
        """Whatever its provider calls it, whole and streamed: in the text alone no client sees it."""
        reply = responds(Refusal(text="No."), reason=reason)
        body, lost = emit(reply)
        assert body["candidates"][0]["finishReason"] == "SAFETY"
        frames, reasons = streamed(events_of(reply), "gemini_generate_content")
        assert b'"finishReason":"SAFETY"' in frames[-1].data
        assert {reason.path: reason.kind for reason in reasons} == lost
        cut, _ = emit(responds(Refusal(text="No."), reason=FinishReason.LENGTH))
        assert cut["candidates"][0]["finishReason"] == "MAX_TOKENS"

    def test_parts_that_gemini_does_not_have(self) -> None:
        """Each is told."""
        native = Native(protocol="anthropic_messages", kind="x", value={"type": "x"})
        sound = Audio(source=InlineSource(data=b"RIFF"), format="wav", transcript="a", audio_id="b")
        parts, lost = written(
            Refusal(text="No."), native, sound, ImageBase64(data=PNG, media_type="image/png"), Reasoning(summary=("a", "b")), Text(text="")
        )
        assert parts == [{"text": "No."}, inline("audio/wav", b"RIFF"), inline("image/png", PNG), {"text": "a\n\nb", "thought": True}]
        path = "candidates[0].message.parts"
        assert lost == {
            f"{path}[0]": "approximated",
            f"{path}[1]": "dropped",
            f"{path}[2].transcript": "dropped",
            f"{path}[2].audio_id": "dropped",
            f"{path}[4].summary": "approximated",
            f"{path}[5]": "dropped",
            "candidates[0].finish_reason": "approximated",
        }

    def test_arguments_that_are_no_object(self) -> None:
        """Gemini's are one."""
        custom = ToolCall(call_id="b", name="sh", arguments="ls", kind="custom")
        parts, lost = written(ToolCall(call_id="a", name="f", arguments="[1]"), custom, reason=FinishReason.TOOL_CALL)
        assert [part["functionCall"]["args"] for part in parts] == [{"_raw": "[1]"}, {"input": "ls"}]
        path = "candidates[0].message.parts"
        assert lost == {f"{path}[0].arguments": "approximated", f"{path}[1].kind": "approximated"}

    def test_citations_are_sources(self) -> None:
        """Of one address one; those without an address, and quotations, are dropped."""
        cites = (
            Citation(url="https://a.b", title="A", start=0, end=2),
            Citation(url="https://a.b", title="A", cited_text="x"),
            Citation(title="a document", protocol="anthropic_messages", native={}),
        )
        body, lost = emit(responds(Reasoning(text="Hm."), Text(text="Öl!", citations=cites)))
        assert body["candidates"][0]["groundingMetadata"] == {
            "groundingChunks": [{"web": {"uri": "https://a.b", "title": "A"}}],
            "groundingSupports": [
                {"segment": {"partIndex": 1, "startIndex": 0, "endIndex": 3, "text": "Öl"}, "groundingChunkIndices": [0]},
                {"segment": {"partIndex": 1}, "groundingChunkIndices": [0]},
            ],
        }
        path = "candidates[0].message.parts.citations"
        assert lost == {path: "dropped", f"{path}.cited_text": "dropped"}
        part = parse(body)[0].message.parts[1]
        assert isinstance(part, Text)
        assert [(each.url, each.start, each.end) for each in part.citations] == [("https://a.b", 0, 2), ("https://a.b", None, None)]

    def test_log_probabilities(self) -> None:
        """Chat's list is Gemini's two."""
        token = {"token": "a", "logprob": -0.5, "bytes": [97]}
        body, lost = emit(responds(Text(text="a"), logprobs={"content": [{**token, "top_logprobs": [token]}], "refusal": None}))
        one = {"token": "a", "logProbability": -0.5}
        assert body["candidates"][0]["logprobsResult"] == {"chosenCandidates": [one], "topCandidates": [{"candidates": [one]}]}
        assert lost == {}
        for odd in ({}, {"content": [5]}, {"content": [{"token": 5}]}, {"content": [{**token, "top_logprobs": [5]}]}, 5):
            assert emit(responds(Text(text="a"), logprobs=odd))[1] == {"candidates[0].logprobs": "dropped"}

    def test_usage(self) -> None:
        """Cached input is part of the prompt; thoughts are no part of the answer."""
        usage = Usage(input=10, cache_read=5, cache_write_short=2, input_audio=3, output=7, reasoning=4, output_audio=1, images=1)
        body, lost = emit(LlmResponse(candidates=responds(Text(text="a")).candidates, usage=usage, raw_usage={"prompt_tokens": 1}))
        assert body["usageMetadata"] == {
            "promptTokenCount": 20,
            "cachedContentTokenCount": 5,
            "candidatesTokenCount": 8,
            "thoughtsTokenCount": 4,
            "totalTokenCount": 32,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 17}, {"modality": "AUDIO", "tokenCount": 3}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 7}, {"modality": "AUDIO", "tokenCount": 1}],
        }
        assert lost == {"usage.cache_write_short": "approximated", "usage.images": "dropped"}

    def test_rest_of_a_foreign_reply(self) -> None:
        """Members of another protocol stay with it."""
        response = responds(Text(text="a"), stop_sequence="END", reason=FinishReason.STOP_SEQUENCE, vendor_extensions={"x": 1})
        body, lost = emit(LlmResponse(candidates=response.candidates, protocol="anthropic_messages", vendor_extensions={"container": {}}))
        assert body == {"candidates": [candidate({"text": "a"})], "modelVersion": "asked", "responseId": "abc"}
        assert lost == {
            "candidates[0].finish_reason": "approximated",
            "candidates[0].stop_sequence": "dropped",
            "candidates[0].vendor_extensions.x": "dropped",
            "vendor_extensions.container": "dropped",
        }

    def test_no_answer_is_a_blocked_prompt(self) -> None:
        """Google's own form of it."""
        body, lost = emit(LlmResponse())
        assert body["promptFeedback"] == {"blockReason": "OTHER"}
        assert "candidates" not in body
        assert lost == {}
        assert parse(body)[0].finish_reason is FinishReason.CONTENT_FILTER
