"""Replies made of the SDKs' own types: one for every member, word and shape that a provider can send."""

from functools import cache
from typing import Any, NamedTuple

from anthropic.types import Message
from anthropic.types.beta import BetaMessage
from google.genai._gaos.types.interactions import Interaction
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from tests.protocols.sdk_types.asked import ARGUMENTS, BETA, DATA, INTERACTIONS, UNKNOWN, Body
from tests.protocols.sdk_types.shape import Samples

_ID = {"model": "model-1", "created": 1_795_608_000, "created_at": 1_795_608_000, "arguments": ARGUMENTS}
_USAGE = {
    **dict.fromkeys(("completion_tokens", "output_tokens", "candidatesTokenCount"), 8000),
    **dict.fromkeys(("prompt_tokens", "input_tokens", "promptTokenCount"), 9000),
}


_REPEATED = frozenset(
    f"Response.{name}"
    for name in (
        *("instructions", "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "max_output_tokens", "max_tool_calls"),
        *("background", "conversation", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "metadata"),
        *("prompt_cache_retention", "safety_identifier", "user", "reasoning", "text", "top_logprobs", "truncation", "image"),
        "access_programs",
    )
)
"""Of a reply of Responses, what only repeats the request: it is said anew of the client's own."""
_ASKED = frozenset(
    f"Interaction.{name}"
    for name in (
        *("generation_config", "input", "labels", "previous_interaction_id", "response_format", "response_mime_type", "safety_settings"),
        *("response_modalities", "system_instruction", "tools", "cached_content", "webhook_config", "environment"),
    )
)
"""Of an interaction, the same."""
_ADDED = frozenset(
    {f"Interaction.{name}" for name in ("output_text", "output_image", "output_audio", "output_video", "continuation_ids", "agent_config")}
)
"""What Google's SDK makes of the steps, and what is an agent's."""


class Answered(NamedTuple):
    path: str
    body: Body


class Provider(NamedTuple):
    type: Any
    samples: Samples


PROVIDERS = {
    "openai_chat": Provider(
        ChatCompletion,
        Samples(
            values={
                **_ID,
                **_USAGE,
                "total_tokens": 17_000,
                "index": 0,
                "start_index": 0,
                "end_index": 8,
                "ChatCompletionAudio.data": "enNvdW5k",
                "expires_at": 7321,
            },
            needed={"ChatCompletion": ("usage",), "ChoiceLogprobs": ("content",), "ChatCompletionMessage": ("content",)},
        ),
    ),
    "openai_responses": Provider(
        Response,
        Samples(
            values={
                **_ID,
                **_USAGE,
                "total_tokens": 17_000,
                "Response.tools": [],
                "Response.status": "completed",
                "object": "response",
                "index": 0,
            },
            needed={"Response": ("usage", "status"), "ResponseFunctionToolCall": ("id",), "ResponseCustomToolCall": ("id",)},
            least={"ResponseOutputMessage.status": "completed", "ResponseOutputText.annotations": []},
            skipped=_REPEATED,
        ),
    ),
    "anthropic_messages": Provider(
        Message, Samples(values={**_ID, **_USAGE, "input": {"key": "zargument"}}, needed={"Message": ("stop_reason",)})
    ),
    BETA: Provider(BetaMessage, Samples(values={**_ID, **_USAGE, "input": {"key": "zargument"}}, needed={"BetaMessage": ("stop_reason",)})),
    "gemini_generate_content": Provider(
        GenerateContentResponse,
        Samples(
            values={
                **_ID,
                **_USAGE,
                "totalTokenCount": 17_000,
                "promptTokenCount": 9000,
                "role": "model",
                "modelVersion": "model-1",
                "jsonPath": "$.key",
                "Candidate.index": 0,
                "FunctionCall.name": "zname",
                "createTime": "2026-01-02T03:04:05Z",
            },
            needed={
                "GenerateContentResponse": ("candidates", "usageMetadata", "modelVersion"),
                "Candidate": ("content", "finishReason"),
                "Content": ("parts", "role"),
                "Part": ("text",),
                "Blob": ("data", "mimeType"),
                "FileData": ("fileUri", "mimeType"),
                "FunctionResponse": ("name", "response"),
                "FunctionResponsePart": ("inlineData",),
                "FunctionResponseBlob": ("data", "mimeType"),
                "FunctionResponseFileData": ("fileUri", "mimeType"),
                "FunctionCall": ("name",),
                "PartialArg": ("jsonPath", "stringValue"),
                "GenerateContentResponseUsageMetadata": ("promptTokenCount", "candidatesTokenCount"),
            },
            skipped=frozenset(
                {f"GenerateContentResponse.{name}" for name in ("sdkHttpResponse", "parsed", "automaticFunctionCallingHistory")}
            ),
        ),
    ),
    "gemini_interactions": Provider(
        Interaction,
        Samples(
            values={
                **INTERACTIONS,
                "created": "2026-01-02T03:04:05Z",
                "updated": "2026-01-02T03:04:05Z",
                "start_index": 0,
                "end_index": 5,
                "total_input_tokens": 9000,
                "total_output_tokens": 8000,
                "total_tokens": 17_000,
                "arguments": {"key": "zargument"},
            },
            needed={
                "Interaction": ("steps", "usage", "model"),
                "Usage": ("total_input_tokens", "total_output_tokens"),
                **dict.fromkeys(("ImageContent", "AudioContent", "VideoContent", "DocumentContent"), ("data", "mime_type")),
                "ModelOutputStep": ("content",),
                "ModalityTokens": ("modality", "tokens"),
                "GroundingToolCount": ("count",),
                "URLCitation": ("url",),
            },
            least={
                "Interaction.status": "completed",
                "Interaction.steps": [{"type": "model_output", "content": [{"type": "text", "text": "ztext"}]}],
            },
            skipped=UNKNOWN | _ASKED | _ADDED,
        ),
    ),
}


@cache
def replies(provider: str) -> tuple[Answered, ...]:
    kind, samples = PROVIDERS[provider]
    dress = _DRESSES.get(provider, _as_it_is)
    known = {path for path, _ in samples.variants(PROVIDERS["anthropic_messages"].type)} - {""} if provider == BETA else frozenset()
    variants = samples.variants(kind)
    return tuple(Answered(path, dress(value)) for path, value in variants if path.replace("Beta", "") not in known)


def _chat(body: Body) -> Body:
    """Where tokens of a refusal are told, there is one."""
    [choice] = body["choices"]
    if "refusal" not in (choice.get("logprobs") or {}):
        return body
    return {**body, "choices": [{**choice, "message": {**choice["message"], "refusal": "zrefusal"}}]}


def _responses(body: Body) -> Body:
    status = "failed" if body.get("error") else "incomplete" if "incomplete_details" in body else body["status"]
    return {**body, "status": status}


def _as_it_is(body: Body) -> Body:
    return body


def _gemini(body: Body) -> Body:
    for candidate in body["candidates"]:
        for part in candidate["content"]["parts"]:
            if DATA & part.keys():
                del part["text"]
    return body


_DRESSES = {"openai_chat": _chat, "openai_responses": _responses, "gemini_generate_content": _gemini}
