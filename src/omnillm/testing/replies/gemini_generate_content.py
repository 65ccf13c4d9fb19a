"""Gemini generateContent. Model and streaming are in the path, so `read` leaves them out."""

from collections.abc import Iterable
from operator import add
from typing import Any

import msgspec

from omnillm.testing.generation import Block, Generation
from omnillm.testing.replies import writing
from omnillm.testing.replies.conversation import judge_contents, unsigned
from omnillm.testing.replies.reading import (
    ANY_JSON,
    cap,
    demand,
    last_user_text,
    markers_in,
    objects,
    one_object,
    pictured,
    strings,
    text,
    texts_in,
    within,
)
from omnillm.testing.replies.speaker import Asked, Json, Piece, Speaker, Standing, Tool, Trouble
from omnillm.testing.samples import as_json
from omnillm.usage import Usage

FINISH = {"end": "STOP", "length": "MAX_TOKENS", "tool": "STOP", "refusal": "SAFETY", "stop": "STOP"}
ERRORS: dict[int, writing.Said] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    402: ("FAILED_PRECONDITION", "Billing is not enabled."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "The model is not found for API version v1."),
    408: ("DEADLINE_EXCEEDED", "The request timed out."),
    409: ("ABORTED", "The operation was aborted."),
    413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    422: ("INVALID_ARGUMENT", "Unprocessable request."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan."),
    500: ("INTERNAL", "An internal error has occurred."),
    502: ("UNAVAILABLE", "Bad gateway."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The service was unable to finish processing within the deadline."),
    529: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
}
VARIANTS: dict[str, writing.Said] = {
    "insufficient_quota": ("RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
    "spend_limit": ("FAILED_PRECONDITION", "Billing account for project is not found or has reached its spend limit."),
    "account_disabled": ("PERMISSION_DENIED", "Consumer 'project_number:1' has been suspended."),
    "context_length": ("INVALID_ARGUMENT", "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."),
    "invalid_api_key": ("INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
}
REASONS = {"account_disabled": "CONSUMER_SUSPENDED", "invalid_api_key": "API_KEY_INVALID"}
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
TYPE = "type.googleapis.com/google.rpc."


def _either(body: Json, camel: str, snake: str) -> Any:
    """The REST surface takes both spellings."""
    return body.get(camel, body.get(snake))


def _schema(function: Json) -> Any:
    """The Python SDK writes parameters_json_schema in snake case."""
    return _either(function, "parametersJsonSchema", "parameters_json_schema") or function.get("parameters")


def read(body: Json) -> Asked:
    if isinstance(inner := body.get("generateContentRequest"), dict):
        body = inner
    contents = demand(body, "contents", list)
    config = one_object(_either(body, "generationConfig", "generation_config"), "generationConfig")
    prompt = last_user_text(contents)
    functions = [
        function
        for tool in objects(body.get("tools"), "tools")
        for function in objects(_either(tool, "functionDeclarations", "function_declarations"), "functionDeclarations")
    ]
    return Asked(
        model="",
        prompt=prompt,
        texts=(*texts_in(_either(body, "systemInstruction", "system_instruction")), *texts_in(contents)),
        max_output=cap(_either(config, "maxOutputTokens", "max_output_tokens"), "maxOutputTokens"),
        choices=cap(_either(config, "candidateCount", "candidate_count"), "candidateCount", 8) or 1,
        tools=tuple(Tool(each.get("name", ""), _schema(each)) for each in functions),
        must_call=_must_call(body),
        markers=markers_in(prompt if "[[" in prompt else _answers(contents[-1])),
        images=pictured(contents),
        schema=_response_schema(config),
        stops=strings(_either(config, "stopSequences", "stop_sequences")),
        refuses_silently=True,
        tier=text(_either(body, "serviceTier", "service_tier")).lower(),
        seals=judge_contents(contents),
        unsigned=unsigned(contents),
    )


def _must_call(body: Json) -> str | None:
    """The last of the functions that are allowed, or any of all."""
    tool_config = one_object(_either(body, "toolConfig", "tool_config"), "toolConfig")
    config = one_object(_either(tool_config, "functionCallingConfig", "function_calling_config"), "functionCallingConfig")
    if config.get("mode") != "ANY":
        return None
    names = strings(_either(config, "allowedFunctionNames", "allowed_function_names"))
    return names[-1] if names else ""


def _answers(content: object) -> str:
    """JSON of what functions answered: its members have any name, and so are no texts."""
    parts = objects(within(content, "parts"), "parts")
    return as_json([_either(part, "functionResponse", "function_response") for part in parts])


def _response_schema(config: Json) -> Any:
    schema = _either(config, "responseJsonSchema", "response_json_schema") or _either(config, "responseSchema", "response_schema")
    return schema or (ANY_JSON if _either(config, "responseMimeType", "response_mime_type") == "application/json" else None)


def _usage(usage: Usage) -> Json:
    kept = (usage.cache_read, usage.cache_read_image, usage.cache_read_audio)
    prompt = (usage.input + usage.cache_write_short, usage.input_image, usage.input_audio)
    told = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.output + usage.output_image,
        "totalTokenCount": usage.total_tokens,
        "promptTokensDetails": _details(*map(add, prompt, kept)),
    }
    if any(kept):
        told |= {"cachedContentTokenCount": sum(kept), "cacheTokensDetails": _details(*kept)}
    if usage.output_image:
        told["candidatesTokensDetails"] = _details(usage.output, usage.output_image, 0)
    return told | ({"thoughtsTokenCount": usage.reasoning} if usage.reasoning else {})


def _details(text: int, image: int, audio: int) -> list[Json]:
    counts = {"TEXT": text, "IMAGE": image, "AUDIO": audio}
    return [{"modality": name, "tokenCount": tokens} for name, tokens in counts.items() if tokens]


def _reply(generation: Generation, parts: list[Json], told: Usage | None, finish: str | None) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}} if parts else {}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate | {"index": i} for i in range(generation.choices)],
        **({} if told is None else {"usageMetadata": _usage(told)}),
        "modelVersion": generation.model,
        "responseId": generation.serial,
    }


def _part(block: Block, text: str) -> Json:
    """A part that says so much of a block."""
    if block.kind == "tool":
        return {"functionCall": {"name": block.name, "args": msgspec.json.decode(block.text)}}
    return {"text": text, "thought": True} if block.kind == "reasoning" else {"text": text}


def _signed(generation: Generation) -> Block | None:
    """The block whose first part bears the signature: the first call, or else what comes after the thought."""
    calls, texts = generation.of("tool"), generation.of("text")
    if calls:
        return calls[0]
    return texts[0] if texts and generation.of("reasoning") else None


def _seal(generation: Generation, block: Block) -> Json:
    return {"thoughtSignature": generation.seal} if block is _signed(generation) else {}


def whole(generation: Generation) -> Json:
    parts = [_part(block, block.text) | _seal(generation, block) for block in generation.blocks]
    return _reply(generation, parts, generation.told, FINISH[generation.finish])


def stream(generation: Generation) -> list[Piece]:
    """A chunk a word; calls come together, in one."""
    after, total, said = generation.after, generation.words, 0
    pieces = []
    for block in generation.of("reasoning") + generation.of("text"):
        seal = _seal(generation, block)
        for word in block.words:
            said += 1
            told = generation.told_after(said)
            pieces.append(Piece(_sse(_reply(generation, [_part(block, word) | seal], told, None)), after(said)))
            seal = {}
    if calls := [_part(block, "") | _seal(generation, block) for block in generation.of("tool")]:
        pieces.append(Piece(_sse(_reply(generation, calls, generation.told_after(total), None)), after(total)))
    empty = [] if generation.finish == "refusal" else [{"text": ""}]
    last = _reply(generation, empty, generation.told, FINISH[generation.finish])
    return [*pieces, Piece(_sse(last), after(total), "terminal")]


def _sse(event: Json) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\r\n\r\n"


def as_array(pieces: list[Piece]) -> list[Piece]:
    """The form without `alt=sse`: one JSON array, an element a piece."""
    array = []
    for i, piece in enumerate(pieces):
        element = piece.raw.removeprefix(b"data: ").removesuffix(b"\r\n\r\n")
        array.append(Piece((b",\r\n" if i else b"[") + element, piece.output_tokens, piece.part))
    if array:  # a fault may have taken all of them
        array[-1].raw += b"]"
    return array


def error(trouble: Trouble) -> Json:
    status, message = writing.said(trouble, VARIANTS, ERRORS)
    code = 400 if trouble.code == "invalid_api_key" else trouble.status
    inner: Json = {"code": code, "message": message, "status": status}
    details: list[Json] = []
    if trouble.code in REASONS:
        details.append({"@type": TYPE + "ErrorInfo", "reason": REASONS[trouble.code], "domain": "googleapis.com"})
    if trouble.status == 429 and trouble.code != "insufficient_quota":
        quota = PER_DAY if trouble.code == "per_day_quota" else PER_MINUTE
        details.append({"@type": TYPE + "QuotaFailure", "violations": [{"quotaId": quota}]})
    if trouble.retry_s is not None:
        details.append({"@type": TYPE + "RetryInfo", "retryDelay": f"{trouble.retry_s:g}s"})
    return {"error": inner | {"details": details} if details else inner}


def error_events(trouble: Trouble, _generation: Generation, _sent: int) -> bytes:
    return _sse(error(trouble))


def fields(standing: Standing) -> dict[str, str]:
    return {
        "content-type": "application/json; charset=UTF-8",
        "vary": "Origin, X-Origin, Referer",
        "server": "scaffolding on HTTPServer2",
        "x-xss-protection": "0",
        "x-frame-options": "SAMEORIGIN",
        "x-content-type-options": "nosniff",
        "server-timing": "gfet4t7; dur=42",
        "alt-svc": 'h3=":443"; ma=2592000',
        "x-goog-request-id": standing.request_id,
    }


def models(names: Iterable[str], _created: int) -> Json:
    methods = ["generateContent", "countTokens"]
    return {
        "models": [
            {
                "name": f"models/{name}",
                "version": "001",
                "displayName": name,
                "inputTokenLimit": 1048576,
                "outputTokenLimit": 65536,
                "supportedGenerationMethods": methods,
            }
            for name in names
        ]
    }


def counted(tokens: int) -> Json:
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}


SPEAKER = Speaker(
    protocol="gemini_generate_content",
    read=read,
    whole=whole,
    stream=stream,
    error=error,
    error_events=error_events,
    fields=fields,
    models=models,
    counted=counted,
    tells_media=True,
)
