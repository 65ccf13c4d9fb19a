"""Native replies of generateContent, and the ways in which the tests read and write them."""

import json
from typing import Any

from google.genai.types import GenerateContentResponse
from tests.protocols.gemini_generate_content.bodies import PNG, SIGNATURE, call, inline, signed

from omnillm.framing.sse import Frame, SseReader
from omnillm.model import Issuer, LlmResponse, LlmStreamEvent, ResponseAssembler
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.gemini_generate_content import CODEC
from omnillm.protocols.loss import Losses

P = "gemini_generate_content"
ISSUER = Issuer(protocol=P, provider="google", key="k1")
CONTEXT = ReplyContext(id="abc", created=1, model="asked", names={"f_1": "f.1"})
USAGE = {"promptTokenCount": 20, "candidatesTokenCount": 7, "thoughtsTokenCount": 3, "totalTokenCount": 30}


def candidate(*parts: dict, finish: str = "STOP", index: int = 0, **members: Any) -> dict:
    return {"content": {"parts": list(parts), "role": "model"}, "finishReason": finish, "index": index, **members}


def reply(*candidates: dict, **members: Any) -> dict:
    return {"candidates": list(candidates), "usageMetadata": USAGE, "modelVersion": "gemini-3", "responseId": "r1", **members}


def answer(*parts: dict, finish: str = "STOP", **members: Any) -> dict:
    return reply(candidate(*parts, finish=finish, **members))


GROUNDING = {
    "webSearchQueries": ["lake depth"],
    "searchEntryPoint": {"renderedContent": "<b>"},
    "groundingChunks": [{"web": {"uri": "https://a.b", "title": "Lake", "domain": "a.b"}}, {"image": {"imageUri": "https://a.b/i"}}],
    "groundingSupports": [
        {"segment": {"startIndex": 7, "endIndex": 12, "text": "149 m"}, "groundingChunkIndices": [0, 1, 9], "confidenceScores": [0.5]},
        {"segment": {"endIndex": 99}, "groundingChunkIndices": [0]},
    ],
}
LOGPROBS = {
    "chosenCandidates": [{"token": "149", "tokenId": 5, "logProbability": -0.1}],
    "topCandidates": [{"candidates": [{"token": "149", "tokenId": 5, "logProbability": -0.1}]}],
    "logProbabilitySum": -0.1,
}
REPLIES: dict[str, dict] = {
    "text": answer({"text": "149 m"}),
    "signed text": answer(signed({"text": "149 m"})),
    "thoughts": answer({"text": "Hm.", "thought": True}, {"text": "149 m"}),
    "signed thought": answer(signed({"text": "Hm.", "thought": True}), {"text": "149 m"}),
    "call": answer(signed(call(id="c1"))),
    "calls without ids": answer(signed(call()), call(args={})),
    "partial call": answer(call(id="c1", willContinue=True)),
    "result of a function": answer({"functionResponse": {"name": "f", "response": {"a": 1}, "willContinue": True, "scheduling": "SILENT"}}),
    "image": answer({"text": "Here."}, signed(inline("image/png", PNG))),
    "sound": answer(inline("audio/L16;codec=pcm;rate=24000")),
    "video": answer({**inline("video/mp4"), "videoMetadata": {"fps": 1.0}}),
    "document": answer(inline("application/pdf", b"%PDF", displayName="a.pdf")),
    "code": answer(
        {"executableCode": {"language": "PYTHON", "code": "1+1"}},
        signed({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}),
        {"text": "2"},
    ),
    "server tools": answer(
        {"toolCall": {"id": "t", "toolType": "URL_CONTEXT", "args": {"a_b": 1}}},
        {"toolResponse": {"id": "t", "toolType": "URL_CONTEXT", "response": {}}},
    ),
    "transcription": answer({"audioTranscription": {"text": "hello"}}),
    "part's own members": answer({"text": "149 m", "partMetadata": {"a_b": 1}, "speechMetadata": {"speaker": "A"}}),
    "several answers": reply(candidate({"text": "a"}), candidate({"text": "b"}, finish="MAX_TOKENS", index=1)),
    "stopped by a filter": answer(
        finish="RECITATION", finishMessage="no", citationMetadata={"citations": [{"uri": "https://a.b", "endIndex": 5}]}
    ),
    "sources": answer({"text": "Größe 149 m"}, groundingMetadata=GROUNDING),
    "log probabilities": answer({"text": "149"}, logprobsResult=LOGPROBS, avgLogprobs=-0.1, tokenCount=1),
    "rest of a candidate": answer(
        {"text": "a"},
        safetyRatings=[{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE", "blocked": False, "probabilityScore": 0.1}],
        urlContextMetadata={"urlMetadata": [{"retrievedUrl": "https://a.b", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}]},
        continuationToken=SIGNATURE,
    ),
    "rest of a reply": {
        **answer({"text": "a"}),
        "createTime": "2026-04-02T17:03:50.399550Z",
        "modelStatus": {"modelStage": "STABLE", "retirementTime": "2027-01-01T00:00:00Z"},
        "promptFeedback": {"safetyRatings": []},
    },
    "rest of the usage": {
        **answer({"text": "a"}),
        "usageMetadata": {
            **USAGE,
            "cachedContentTokenCount": 5,
            "toolUsePromptTokenCount": 2,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 15}, {"modality": "AUDIO", "tokenCount": 5}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 5}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 7}],
            "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 2}],
            "trafficType": "ON_DEMAND",
        },
    },
    "blocked prompt": {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"},
        "usageMetadata": {"promptTokenCount": 20, "totalTokenCount": 20},
        "modelVersion": "gemini-3",
        "responseId": "r1",
    },
}
"""Replies that are written as they came."""


def parse(body: dict) -> tuple[LlmResponse, dict[str, str]]:
    losses = Losses()
    return CODEC.parse_reply(body, ISSUER, losses), {reason.path: reason.kind for reason in losses.reasons}


def emit(response: LlmResponse, context: ReplyContext = CONTEXT) -> tuple[dict, dict[str, str]]:
    """The body, which the SDK reads strictly, and what was lost: paths to kinds."""
    losses = Losses()
    body = CODEC.emit_reply(response, context, losses)
    sdk_reads(body)
    return body, {reason.path: reason.kind for reason in losses.reasons}


def sdk_reads(body: dict) -> GenerateContentResponse:
    """Raises pydantic's ValidationError, for members that it does not know too."""
    return GenerateContentResponse.model_validate_json(json.dumps(body))


def known_to_sdk(body: dict) -> dict:
    """What the SDK makes of a body: members that it does not know it leaves out."""
    read = GenerateContentResponse._from_response(response=json.loads(json.dumps(body)), kwargs={})
    return read.model_dump(mode="json", exclude_none=True, by_alias=True, exclude={"sdk_http_response"})


def frame(chunk: Any) -> Frame:
    data = json.dumps(chunk).encode()
    return Frame(raw=b"data: " + data + b"\n\n", data=data)


def decode(*chunks: Any) -> list[LlmStreamEvent]:
    """All events of a whole stream."""
    decoder = CODEC.decoder(ISSUER, Losses())
    return [*(event for chunk in chunks for event in decoder.feed(frame(chunk))), *decoder.finish()]


def assembled(events: list[LlmStreamEvent]) -> LlmResponse:
    assembler = ResponseAssembler()
    for event in events:
        assembler.feed(event)
    return assembler.response()


def encode(*events: LlmStreamEvent, context: ReplyContext = CONTEXT) -> tuple[list[dict], dict[str, str]]:
    """The chunks, each of which the SDK reads strictly, and what was lost: paths to kinds."""
    losses = Losses()
    encoder = CODEC.encoder(context, losses)
    raw = b"".join([encoder.feed(event) for event in events])
    assert b"data: " + b"\n\ndata: ".join(found.data for found in SseReader().feed(raw)) + b"\n\n" == raw or not raw
    chunks = [json.loads(found.data) for found in SseReader().feed(raw)]
    for chunk in chunks:
        if "error" not in chunk:
            sdk_reads(chunk)
    return chunks, {reason.path: reason.kind for reason in losses.reasons}
