"""Gemini's Interactions API."""

from typing import Any

import msgspec

from omnillm.testing.generation import Block, Generation
from omnillm.testing.replies import gemini_generate_content, writing
from omnillm.testing.replies.conversation import judge_steps
from omnillm.testing.replies.gemini_generate_content import fields, models
from omnillm.testing.replies.reading import (
    ANY_JSON,
    cap,
    last_results,
    markers_in,
    objects,
    one_object,
    pictured,
    strings,
    text,
    texts_in,
    within,
)
from omnillm.testing.replies.speaker import Asked, Json, Malformed, Part, Piece, Speaker, Tool, Trouble
from omnillm.usage import Usage

DONE = b"event: done\ndata: [DONE]\n\n"
TIME = "2026-11-01T00:00:00Z"
STATUS = {"end": "completed", "length": "incomplete", "tool": "requires_action", "refusal": "completed", "stop": "completed"}
ERRORS: dict[int, writing.Said] = {
    400: ("invalid_request", "Request contains an invalid argument."),
    401: ("authentication", "The API key is missing or invalid."),
    402: ("payment_required", "Your prepayment balance is used up."),
    403: ("permission_denied", "The caller does not have permission"),
    404: ("not_found", "The requested resource was not found."),
    408: ("deadline_exceeded", "The request timed out."),
    409: ("aborted", "The operation was aborted."),
    413: ("invalid_request", "Request payload size exceeds the limit."),
    422: ("invalid_request", "Unprocessable request."),
    429: ("rate_limit_exceeded", "You exceeded the limit of requests per minute."),
    500: ("api_error", "An internal error has occurred."),
    502: ("service_unavailable", "Bad gateway."),
    503: ("service_unavailable", "The model is overloaded. Please try again later."),
    504: ("gateway_timeout", "Deadline expired before operation could complete."),
    529: ("service_unavailable", "The model is overloaded. Please try again later."),
}
VARIANTS: dict[str, writing.Said] = {
    "insufficient_quota": ("payment_required", "Your prepayment credits are depleted."),
    "spend_limit": ("failed_precondition", "Billing account for project is not found or has reached its spend limit."),
    "per_day_quota": ("quota_exceeded", "You exceeded your daily quota."),
    "context_length": ("invalid_request", "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."),
}


def read(body: Json) -> Asked:
    given = body.get("input")
    if not isinstance(given, str | list | dict) or not given:
        raise Malformed("input: Field required")
    model = body.get("model") or body.get("agent")
    if not isinstance(model, str):
        raise Malformed("Exactly one of model and agent is required.")
    if body.get("background") is True and body.get("store") is False:
        raise Malformed("background requires store.")
    steps = given if isinstance(given, list) else [given]
    config = one_object(body.get("generation_config"), "generation_config")
    prompt, history, previous = _last_user_text(steps), judge_steps(steps), text(body.get("previous_interaction_id"))
    functions = [tool for tool in objects(body.get("tools"), "tools") if tool.get("type") == "function"]
    return Asked(
        model=model,
        prompt=prompt,
        tier="" if (tier := text(body.get("service_tier"))) == "standard" else tier,
        texts=(*texts_in(body.get("system_instruction")), *texts_in(steps)),
        is_stream=body.get("stream") is True,
        max_output=cap(config.get("max_output_tokens"), "generation_config.max_output_tokens"),
        tools=tuple(Tool(each.get("name", ""), each.get("parameters")) for each in functions),
        must_call=_must_call(config.get("tool_choice")),
        markers=markers_in(last_results(steps, "type", "function_result") or prompt),
        images=pictured(steps),
        schema=_schema(body.get("response_format")),
        stops=strings(config.get("stop_sequences")),
        refuses_silently=True,
        seals=history.seals,
        calls=history.calls,
        answers=history.answers,
        previous=previous,
        stored=body.get("store") is not False,
        echo={"background": True} if body.get("background") is True else {},
    )


def _last_user_text(steps: list[Any]) -> str:
    """Of the last that the user said, nothing behind a result of a function; parts that stand alone are all the user's."""
    spoken = [each for each in steps if isinstance(each, str) or (isinstance(each, dict) and each.get("type") in _USERS)]
    if not spoken or within(spoken[-1], "type") == "function_result":
        return ""
    is_alone = not isinstance(spoken[-1], dict) or spoken[-1].get("type") == "text"
    return " ".join(texts_in(spoken if is_alone else spoken[-1]))


_USERS = frozenset({"user_input", "text", "function_result"})


def _must_call(choice: object) -> str | None:
    """The last of the functions that are allowed, or any of all."""
    allowed = within(choice, "allowed_tools")
    mode = choice if isinstance(choice, str) else within(allowed, "mode")
    names = strings(within(allowed, "tools"))
    return None if mode != "any" else names[-1] if names else ""


def _schema(wanted: object) -> Any:
    listed = wanted if isinstance(wanted, list) else [wanted]
    forms = [each for each in listed if within(each, "schema") is not None or within(each, "mime_type") == "application/json"]
    return (within(forms[0], "schema") or ANY_JSON) if forms else None


def _usage(usage: Usage) -> Json:
    kept = (usage.cache_read, usage.cache_read_image, usage.cache_read_audio)
    prompt = (usage.input + usage.cache_write_short, usage.input_image, usage.input_audio)
    told = {
        "total_tokens": usage.total_tokens,
        "total_input_tokens": usage.prompt_tokens,
        "input_tokens_by_modality": _by_modality(*(fresh + cached for fresh, cached in zip(prompt, kept, strict=True))),
        "total_cached_tokens": sum(kept),
        "total_output_tokens": usage.output + usage.output_image,
        "total_tool_use_tokens": 0,
        "total_thought_tokens": usage.reasoning,
    }
    if any(kept):
        told["cached_tokens_by_modality"] = _by_modality(*kept)
    return told | ({"output_tokens_by_modality": _by_modality(usage.output, usage.output_image, 0)} if usage.output_image else {})


def _by_modality(text: int, image: int, audio: int) -> list[Json]:
    return [{"modality": name, "tokens": count} for name, count in {"text": text, "image": image, "audio": audio}.items() if count]


def _step(generation: Generation, block: Block) -> Json:
    if block.kind == "tool":
        arguments = msgspec.json.decode(block.text)
        return {"type": "function_call", "id": generation.id_of(block, "call"), "name": block.name, "arguments": arguments}
    text = {"type": "text", "text": block.text}
    if block.kind == "reasoning":
        return {"type": "thought", "summary": [text]} | ({"signature": generation.seal} if generation.seal else {})
    return {"type": "model_output", "content": [text]}


def _interaction(generation: Generation, status: str, usage: Usage | None = None, steps: list[Json] | None = None) -> Json:
    told: Json = {"id": f"v1_{generation.serial}", "object": "interaction", "status": status, "model": generation.model}
    told |= {"created": TIME, "updated": TIME, "service_tier": "standard" if generation.tier == "default" else generation.tier}
    return told | ({} if steps is None else {"steps": steps}) | ({} if usage is None else {"usage": _usage(usage)})


def finished(generation: Generation) -> Json:
    """The whole interaction once it is over, as it is told to whoever asks for it."""
    steps = [_step(generation, block) for block in generation.blocks]
    return _interaction(generation, STATUS[generation.finish], generation.told, steps)


def whole(generation: Generation) -> Json:
    """One in the background has only begun."""
    return _interaction(generation, "in_progress") if "background" in generation.echo else finished(generation)


def stream(generation: Generation) -> list[Piece]:
    """A delta a word."""
    pieces: list[Piece] = []
    said = 0

    def add(kind: str, part: Part, members: Json) -> None:
        pieces.append(Piece(writing.sse(members | {"event_type": kind}, kind), generation.after(said), part))

    add("interaction.created", "start", {"interaction": _interaction(generation, "in_progress")})
    status: Json = {"interaction_id": f"v1_{generation.serial}", "status": "in_progress"}
    partial = generation.told_after(0) if generation.is_cumulative else None
    add("interaction.status_update", "start", status | ({} if partial is None else {"usage": _usage(partial)}))
    for index, block in enumerate(generation.blocks):
        at: Json = {"index": index}
        add("step.start", "content" if block.kind == "tool" else "start", at | {"step": _begun(generation, block)})
        for word in block.words:
            said += 1
            add("step.delta", "content", at | {"delta": _delta(block, word)})
        if block.kind == "reasoning" and generation.seal:
            add("step.delta", "start", at | {"delta": {"type": "thought_signature", "signature": generation.seal}})
        add("step.stop", "finish" if block is generation.blocks[-1] else "start", at)
    add("interaction.completed", "terminal", {"interaction": _interaction(generation, STATUS[generation.finish], generation.told)})
    return [*pieces, Piece(DONE, generation.after(said), "terminal")]


def _begun(generation: Generation, block: Block) -> Json:
    step = _step(generation, block)
    return step | {"arguments": {}} if block.kind == "tool" else {"type": step["type"]}


def _delta(block: Block, word: str) -> Json:
    if block.kind == "tool":
        return {"type": "arguments_delta", "arguments": word}
    text = {"type": "text", "text": word}
    return {"type": "thought_summary", "content": text} if block.kind == "reasoning" else text


def error(trouble: Trouble) -> Json:
    """A key that is nobody's, and one that has to wait, are refused before the API is reached, in the words of google.rpc.Status."""
    if trouble.code in gemini_generate_content.REASONS or trouble.retry_s is not None:
        return gemini_generate_content.error(trouble)
    code, message = writing.said(trouble, VARIANTS, ERRORS)
    return {"error": {"message": message, "code": code}}


def error_events(trouble: Trouble, _generation: Generation, _sent: int) -> bytes:
    return writing.sse(error(trouble) | {"event_type": "error"}, "error")


SPEAKER = Speaker(
    protocol="gemini_interactions",
    read=read,
    whole=whole,
    stream=stream,
    error=error,
    error_events=error_events,
    fields=fields,
    models=models,
    counted=gemini_generate_content.counted,
    tells_media=True,
)
