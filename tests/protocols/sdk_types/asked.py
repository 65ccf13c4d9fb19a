"""Requests made of the SDKs' own types: one for every member, word and shape that a client can send."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, Required, TypedDict

from anthropic.types import message_create_params as anthropic_messages
from anthropic.types.beta import message_create_params as anthropic_beta
from google import genai
from google.genai import _common
from google.genai import models as gemini_models
from google.genai import types as gemini
from google.genai._gaos.types import interactions
from openai.types.chat import completion_create_params as openai_chat
from openai.types.responses import response_create_params as openai_responses
from tests.protocols.sdk_types.shape import Samples

Body = dict[str, Any]
ARGUMENTS = '{"key":"zargument"}'
SCHEMA = {"type": "object", "properties": {"zproperty": {"type": "string"}}, "required": ["zproperty"], "additionalProperties": False}


class Asked(NamedTuple):
    path: str
    """Of the member, through the names of the SDK's types."""
    body: Body


class GeminiParams(TypedDict, total=False):
    """What `generate_content` takes."""

    contents: Required[list[gemini.Content]]
    config: gemini.GenerateContentConfig


class GeminiBody(TypedDict, total=False):
    """What it sends."""

    contents: Required[list[gemini.Content]]
    systemInstruction: gemini.Content
    tools: list[gemini.Tool]
    toolConfig: gemini.ToolConfig
    safetySettings: list[gemini.SafetySetting]
    generationConfig: gemini.GenerationConfig
    cachedContent: str
    serviceTier: gemini.ServiceTier
    store: bool


_OPENAI = {
    "model": "model-1",
    "arguments": ARGUMENTS,
    "call_id": "call_1",
    "tool_call_id": "call_1",
    "file_data": "data:application/pdf;base64,enBkZg==",
    "parameters": SCHEMA,
    "schema": SCHEMA,
}
_CHAT = Samples(
    values={
        **_OPENAI,
        "ImageURL.url": "https://example.com/zurl.png",
        "InputAudio.data": "enNvdW5k",
        "ChatCompletionAllowedToolsParam.tools": [{"type": "function", "function": {"name": "zname"}}],
        "logit_bias": {"7321": 3},
    },
    needed={"FileFile": ("file_data",), "ChatCompletionAssistantMessageParam": ("content",)},
    skipped=frozenset({"BaseModel"}),
)
_RESPONSES = Samples(
    values={
        **_OPENAI,
        "image_url": "https://example.com/zurl.png",
        "ToolChoiceAllowedParam.tools": [{"type": "function", "name": "zname"}],
    },
    needed={
        "ResponseInputImageParam": ("image_url",),
        "ResponseInputImageContentParam": ("image_url",),
        "ResponseInputFileParam": ("file_data",),
        "ResponseInputFileContentParam": ("file_data",),
        "ResponseCreateParamsNonStreaming": ("model", "input"),
        "FunctionCallOutput": ("call_id",),
    },
    skipped=frozenset({"BaseModel"}),
)
_CONFIGS = frozenset(f"Beta{kind}Toolset20260801Param.configs" for kind in ("Browser", "Computer"))
_ANTHROPIC = Samples(
    values={
        "model": "model-1",
        "max_tokens": 7321,
        "budget_tokens": 2047,
        "tool_use_id": "call_1",
        "input_schema": SCHEMA,
        "schema": SCHEMA,
        "input": {"key": "zargument"},
        "Base64ImageSourceParam.data": "enBuZw==",
        "Base64PDFSourceParam.data": "enBkZg==",
        "PlainTextSourceParam.data": "zdata",
        "url": "https://example.com/zurl",
        "ToolUseBlockParam.id": "call_1",
    },
    needed={"BetaSystemMessageParam": ("content",)},
    skipped=frozenset({"BaseModel", "Base64FileInput", "IO", "PathLike"}),
)
BETA = "anthropic_beta"
"""What it has beyond the others; the protocol is the same."""
_ANTHROPIC_BETA = _ANTHROPIC._replace(skipped=_ANTHROPIC.skipped | {"BetaToolChangeToolDefinitionParam"} | _CONFIGS)
"""Without the definitions of tools, which stand in `tools` already."""
_GEMINI = Samples(
    values={
        "response_schema": {"type": "STRING"},
        "responseSchema": {"type": "STRING"},
        "mimeType": "image/png",
        "fileUri": "https://example.com/zurl.png",
        "role": "user",
        "responseModalities": ["AUDIO"],
        "topK": 7321,
        "candidateCount": 3,
        "FunctionCall.name": "zname",
        "FunctionResponse.name": "zname",
        "FunctionDeclaration.name": "zname",
        "allowedFunctionNames": ["zname"],
    },
    needed={
        "Content": ("parts",),
        "Part": ("text",),
        "Blob": ("data", "mimeType"),
        "FileData": ("fileUri", "mimeType"),
        "FunctionResponseBlob": ("data", "mimeType"),
        "FunctionResponseFileData": ("fileUri", "mimeType"),
        "FunctionResponsePart": ("inlineData",),
        "SafetySetting": ("category", "threshold"),
        "FunctionDeclaration": ("name",),
        "FunctionCall": ("name",),
        "FunctionResponse": ("name", "response"),
    },
    stand_ins={"GenerateContentConfig.tools": list[gemini.Tool], "GenerateContentConfig.systemInstruction": gemini.Content},
    skipped=frozenset(
        {f"GenerateContentConfig.{name}" for name in ("httpOptions", "shouldReturnHttpResponse", "automaticFunctionCalling")}
    ),
)
UNKNOWN = frozenset({"UnrecognizedStr", *(name for name in interactions.__all__ if name.startswith("Unknown"))})
"""What Google's SDK makes of what it does not know."""
INTERACTIONS = {
    "model": "model-1",
    "id": "call_1",
    "call_id": "call_1",
    "mime_type": "image/png",
    "uri": "https://example.com/zurl.png",
    "data": "enBuZw==",
    "schema": SCHEMA,
    "parameters": SCHEMA,
    "environment": "environments/zenvironment",
    "name": "zname",
}
_INTERACTIONS = Samples(
    values={**INTERACTIONS, "AllowedTools.tools": ["zname"], "top_k": 7321},
    needed={
        "CreateModelInteraction": ("input",),
        "Function": ("name",),
        **dict.fromkeys(("ImageContent", "AudioContent", "VideoContent", "DocumentContent"), ("data", "mime_type")),
        "ModelOutputStep": ("content",),
        "UserInputStep": ("content",),
    },
    least={"CreateModelInteraction.input": "zinput"},
    skipped=UNKNOWN,
)


def _chat(body: Body) -> Body:
    """Around what is asked, what it needs."""
    [message] = body["messages"]
    before, after = _CHAT_NEIGHBOURS.get(message["role"], ([], []))
    body = {**body, "messages": [*before, message, *after]}
    if {"tool_choice", "function_call", "parallel_tool_calls"} & body.keys():
        body.setdefault("tools", [{"type": "function", "function": {"name": "zname"}}, {"type": "custom", "custom": {"name": "zcustom"}}])
    if "stream_options" in body:
        body["stream"] = True
    if "top_logprobs" in body:
        body["logprobs"] = True
    return body


_HELLO = {"role": "user", "content": "Hi"}
_CHAT_NEIGHBOURS: dict[str, tuple[list[Body], list[Body]]] = {
    "developer": ([], [_HELLO]),
    "system": ([], [_HELLO]),
    "assistant": ([_HELLO], []),
    "tool": (
        [
            _HELLO,
            {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "zname", "arguments": "{}"}}]},
        ],
        [],
    ),
    "function": ([_HELLO, {"role": "assistant", "function_call": {"name": "zname", "arguments": "{}"}}], []),
}


def _responses(body: Body) -> Body:
    asked = body.get("input")
    if type(asked) is list:
        [item] = asked
        kind = item.get("type", "message")
        before: list[Body] = [_HELLO]
        if kind == "function_call_output":
            before.append({"type": "function_call", "call_id": "call_1", "name": "zname", "arguments": "{}"})
        elif kind == "custom_tool_call_output":
            before.append({"type": "custom_tool_call", "call_id": "call_1", "name": "zname", "input": "zinput"})
        elif kind == "local_shell_call_output":
            action = {"type": "exec", "command": ["ls"], "env": {}}
            before.append({"type": "local_shell_call", "id": "zid", "call_id": "zid", "action": action, "status": "completed"})
        after = [] if kind.endswith("_output") or item.get("role") == "user" else [_HELLO]
        body = {**body, "input": [*before, item, *after]}
    if {"tool_choice", "parallel_tool_calls", "max_tool_calls"} & body.keys():
        body.setdefault(
            "tools", [{"type": "function", "name": "zname", "parameters": None, "strict": False}, {"type": "custom", "name": "zcustom"}]
        )
    if "stream_options" in body:
        body["stream"] = True
    return body


def _anthropic(body: Body) -> Body:
    [message] = body["messages"]
    before: list[Body] = []
    after: list[Body] = []
    blocks = message.get("content")
    blocks = blocks if type(blocks) is list else []
    if blocks and blocks[0].get("type") == "tool_result":
        before = [_HELLO, {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "zname", "input": {}}]}]
    if message["role"] == "assistant" or message["role"] == "system":
        before, after = [_HELLO], [_HELLO]
    body = {**body, "messages": [*before, message, *after]}
    if "tool_choice" in body:
        body.setdefault("tools", [{"name": "zname", "input_schema": {"type": "object"}}])
    return body


def _interactions(body: Body) -> Body:
    asked = body["input"]
    if type(asked) is list and (step := asked[0])["type"] not in _CONTENTS:
        before = [_STEP_HELLO]
        if step["type"] == "function_result":
            before.append({"type": "function_call", "id": "call_1", "name": "zname", "arguments": {}})
        after = [] if step["type"] in {"function_result", "user_input"} else [_STEP_HELLO]
        body = {**body, "input": [*before, step, *after]}
    if "tool_choice" in body.get("generation_config", {}):
        body.setdefault("tools", [{"type": "function", "name": "zname"}])
    return body


_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})
_STEP_HELLO = {"type": "user_input", "content": [{"type": "text", "text": "Hi"}]}


@cache
def _client(is_vertex: bool) -> Any:
    return genai.Client(vertexai=is_vertex, api_key="key-of-a-test")._api_client


def _gemini(body: Body) -> Body:
    """As the SDK writes it on the wire."""
    [content] = body["contents"]
    for part in [*content["parts"], *body.get("config", {}).get("systemInstruction", {}).get("parts", ())]:
        if DATA & part.keys():
            del part["text"]
    [part] = content["parts"]
    contents = [content]
    if _OF_THE_MODEL & part.keys():
        contents = [_GEMINI_HELLO, {**content, "role": "model"}, _GEMINI_HELLO]
    elif answer := part.get("functionResponse"):
        call = {name: answer[name] for name in ("id", "name") if name in answer}
        contents = [_GEMINI_HELLO, {"role": "model", "parts": [{"functionCall": call}]}, content]
    body = {**body, "contents": contents}
    asked = gemini._GenerateContentParameters(model="model-1", contents=body["contents"], config=body.get("config"))
    try:
        said = gemini_models._GenerateContentParameters_to_mldev(_client(False), asked, None, asked)
    except ValueError:
        said = gemini_models._GenerateContentParameters_to_vertex(_client(True), asked, None, asked)
    for name in ("_url", "_query", "config"):
        said.pop(name, None)
    return _common.encode_unserializable_types(_common.convert_to_dict(said))


DATA = frozenset(
    {"inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult", "toolCall", "toolResponse"}
)
"""Of which a part has one, or a text."""


_OF_THE_MODEL = frozenset({"functionCall", "toolCall", "executableCode", "codeExecutionResult", "thought"})
_GEMINI_HELLO = {"role": "user", "parts": [{"text": "Hi"}]}


class Source(NamedTuple):
    type: Any
    samples: Samples
    dress: Callable[[Body], Body]


SOURCES = {
    "openai_chat": Source(openai_chat.CompletionCreateParamsNonStreaming, _CHAT, _chat),
    "openai_responses": Source(openai_responses.ResponseCreateParamsNonStreaming, _RESPONSES, _responses),
    "anthropic_messages": Source(anthropic_messages.MessageCreateParamsNonStreaming, _ANTHROPIC, _anthropic),
    BETA: Source(anthropic_beta.MessageCreateParamsNonStreaming, _ANTHROPIC_BETA, _anthropic),
    "gemini_generate_content": Source(GeminiParams, _GEMINI, _gemini),
    "gemini_interactions": Source(interactions.CreateModelInteraction, _INTERACTIONS, _interactions),
}
BODIES = {
    "openai_chat": openai_chat.CompletionCreateParams,
    "openai_responses": openai_responses.ResponseCreateParams,
    "anthropic_messages": anthropic_messages.MessageCreateParams,
    "gemini_generate_content": GeminiBody,
    "gemini_interactions": interactions.CreateModelInteraction,
}


@cache
def requests(source: str) -> tuple[Asked, ...]:
    return tuple(_requests(source))


def _requests(source: str) -> Iterator[Asked]:
    kind, samples, dress = SOURCES[source]
    known = {path for path, _ in _ANTHROPIC.variants(SOURCES["anthropic_messages"].type)} - {""} if source == BETA else frozenset()
    for path, value in samples.variants(kind):
        if path.replace("Beta", "") not in known:
            yield Asked(path, dress(value))
