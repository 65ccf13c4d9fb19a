"""Anthropic messages."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from omnillm.testing.generation import Block, Generation
from omnillm.testing.replies.conversation import judge_messages
from omnillm.testing.replies.reading import (
    cap,
    demand,
    last_user_text,
    markers_in,
    must_call,
    objects,
    pictured,
    strings,
    text,
    texts_in,
    within,
)
from omnillm.testing.replies.speaker import Asked, Json, Piece, Speaker, Standing, Tool, Trouble
from omnillm.testing.replies.writing import Said, said, sse
from omnillm.usage import Usage

STOP = {"end": "end_turn", "length": "max_tokens", "tool": "tool_use", "refusal": "refusal", "stop": "stop_sequence"}
REFUSED = {
    "type": "refusal",
    "category": "cyber",
    "explanation": "This request triggered restrictions on violative cyber content and was blocked under Anthropic's Usage Policy.",
}
OPEN = {"stop_reason": None, "stop_sequence": None}
"""The ending of what has not ended."""
DELTAS = {
    "reasoning": ("thinking_delta", "thinking"),
    "text": ("text_delta", "text"),
    "tool": ("input_json_delta", "partial_json"),
}
ERRORS: dict[int, Said] = {
    400: ("invalid_request_error", "Invalid request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your account has a billing issue."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "model: not found"),
    409: ("conflict_error", "The resource is in conflict."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    422: ("invalid_request_error", "Unprocessable request."),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
VARIANTS: dict[str, Said] = {
    "insufficient_quota": ("rate_limit_error", "You have reached your specified API usage limits. You will regain access on 2030-01-01."),
    "per_day_quota": ("rate_limit_error", "This request would exceed your organization's daily rate limit."),
    "spend_limit": ("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "account_disabled": ("permission_error", "This organization has been disabled."),
    "context_length": ("invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
    "route_not_found": ("not_found_error", "Not found"),
    "thread_not_found": ("not_found_error", "No usable Thread state was found."),
}
DETAILS = {"insufficient_quota": {"error_code": "workspace_spend_limit_reached"}, "thread_not_found": {"error_code": "thread_not_found"}}


def read(body: Json) -> Asked:
    return read_count(body, max_output=cap(demand(body, "max_tokens", int), "max_tokens"))


def read_count(body: Json, max_output: int | None = None) -> Asked:
    """A question for the prompt's tokens needs no cap."""
    messages = demand(body, "messages", list)
    thread = body.get("thread")
    previous = str(thread.get("previous_message_id") or "") if isinstance(thread, dict) else ""
    prompt = last_user_text(messages)
    functions = [tool for tool in objects(body.get("tools"), "tools") if "input_schema" in tool]
    return Asked(
        model=demand(body, "model", str),
        prompt=prompt,
        tier=text(body.get("service_tier")),
        texts=(*texts_in(body.get("system")), *texts_in(messages)),
        is_stream=body.get("stream") is True,
        max_output=max_output,
        tools=tuple(Tool(each.get("name", ""), each["input_schema"]) for each in functions),
        must_call=must_call(body.get("tool_choice"), "any"),
        markers=markers_in(prompt),
        images=pictured(messages),
        schema=within(body, "output_config", "format", "schema") or within(body, "output_format", "schema"),
        stops=strings(body.get("stop_sequences")),
        refuses_silently=True,
        seals=judge_messages(messages, goes_on=bool(previous)),
        previous=previous,
        stored=isinstance(thread, dict),
    )


def _usage(usage: Usage, output: int, tier: str) -> Json:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write_short,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write_short, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard" if tier == "default" else tier,
        "inference_geo": "not_available",
    }


def _ending(generation: Generation) -> Json:
    """Why it ended. Details stand there only where there are some."""
    details = {"stop_details": REFUSED} if generation.finish == "refusal" else {}
    return {"stop_reason": STOP[generation.finish], "stop_sequence": generation.stop or None} | details


def _message(generation: Generation, content: list[Json], ending: Json, output: int) -> Json:
    message = {
        "model": generation.model,
        "id": f"msg_{generation.serial}",
        "type": "message",
        "role": "assistant",
        "content": content,
        **ending,
    }
    return message if generation.told is None else message | {"usage": _usage(generation.told, output, generation.tier)}


def _block(generation: Generation, block: Block) -> Json:
    """A content block, still empty; redacted thinking comes whole."""
    if block.kind == "tool":
        return {"type": "tool_use", "id": generation.id_of(block, "toolu"), "name": block.name, "input": {}}
    if block.kind == "text":
        return {"type": "text", "text": ""}
    if generation.is_redacted:
        return {"type": "redacted_thinking", "data": generation.seal}
    return {"type": "thinking", "thinking": "", "signature": ""}


def _said(generation: Generation, block: Block) -> Json:
    """The same, with what it says."""
    said: Json = {}
    if block.kind == "tool":
        said = {"input": msgspec.json.decode(block.text)}
    elif block.kind == "text":
        said = {"text": block.text}
    elif not generation.is_redacted:
        said = {"thinking": block.text, "signature": generation.seal}
    return _block(generation, block) | said


def whole(generation: Generation) -> Json:
    output = generation.told.completion_tokens if generation.told else 0
    return _message(generation, [_said(generation, block) for block in generation.blocks], _ending(generation), output)


def _event(kind: str, members: Json) -> bytes:
    return sse({"type": kind} | members, kind)


def _closing(told: Usage | None, ending: Json) -> bytes:
    """A message_delta."""
    members: Json = {"delta": ending}
    if told is not None:
        members["usage"] = {
            "input_tokens": told.input,
            "cache_creation_input_tokens": told.cache_write_short,
            "cache_read_input_tokens": told.cache_read,
            "output_tokens": told.completion_tokens,
            "output_tokens_details": {"thinking_tokens": told.reasoning},
        }
    return _event("message_delta", members)


def stream(generation: Generation) -> list[Piece]:
    after, total = generation.after, generation.words
    first = min(1, generation.told.completion_tokens) if generation.told else 0
    pieces = [Piece(_event("message_start", {"message": _message(generation, [], OPEN, first)}), after(0), "start")]
    words = 0
    for index, block in enumerate(generation.blocks):
        pieces += _streamed(generation, index, block, words)
        words += len(block.words)
        stopped = _event("content_block_stop", {"index": index})
        pieces.append(Piece(stopped, after(words), "finish" if block is generation.blocks[-1] else "start"))
    opened = 2 if generation.blocks else 1
    pieces.insert(opened, Piece(_event("ping", {}), pieces[opened - 1].output_tokens, "start"))
    pieces += [
        Piece(_closing(generation.told, _ending(generation)), after(total), "finish"),
        Piece(_event("message_stop", {}), after(total), "terminal"),
    ]
    return pieces


def _streamed(generation: Generation, index: int, block: Block, said: int) -> Iterator[Piece]:
    """One block after so many words of others, up to its stop."""
    after, opening = generation.after, _event("content_block_start", {"index": index, "content_block": _block(generation, block)})
    if block.kind == "reasoning" and generation.is_redacted:
        yield Piece(opening, after(said + len(block.words)))
        return
    yield Piece(opening, after(said), "start")
    kind, member = DELTAS[block.kind]
    for number, word in enumerate(block.words, said + 1):
        raw = _event("content_block_delta", {"index": index, "delta": {"type": kind, member: word}})
        if generation.is_cumulative and number % 5 == 0:
            raw += _closing(generation.told_after(number), OPEN)
        yield Piece(raw, after(number))
    if block.kind == "reasoning":
        signed = {"index": index, "delta": {"type": "signature_delta", "signature": generation.seal}}
        yield Piece(_event("content_block_delta", signed), after(said + len(block.words)), "start")


def error(trouble: Trouble) -> Json:
    kind, message = said(trouble, VARIANTS, ERRORS)
    inner: Json = {"type": kind, "message": message}
    if trouble.code in DETAILS:
        inner["details"] = DETAILS[trouble.code]
    return {"type": "error", "error": inner, "request_id": "req_fakeprovider"}


def error_events(trouble: Trouble, _generation: Generation, _sent: int) -> bytes:
    return _event("error", error(trouble))


def fields(standing: Standing) -> dict[str, str]:
    reset = _rfc3339(standing.wall + standing.reset_s)
    limits = {}
    for bucket, limit, remaining in (
        ("requests", standing.limit, standing.remaining),
        ("tokens", 480_000, 479_000),
        ("input-tokens", 400_000, 400_000),
        ("output-tokens", 80_000, 79_000),
    ):
        limits[f"anthropic-ratelimit-{bucket}-limit"] = str(limit)
        limits[f"anthropic-ratelimit-{bucket}-remaining"] = str(remaining)
        limits[f"anthropic-ratelimit-{bucket}-reset"] = reset
    return {
        "content-type": "application/json",
        **limits,
        "anthropic-organization-id": "3f1c0de0-fa4e-4a11-9b0b-000000000001",
        "request-id": standing.request_id,
        "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
        "set-cookie": "__cf_bm=fake.cookie-1.0.1.1; path=/; domain=.api.anthropic.com; HttpOnly; Secure; SameSite=None",
        "server": "cloudflare",
        "x-robots-tag": "none",
        "cf-cache-status": "DYNAMIC",
        "cf-ray": "8c0ffee123456789-AMS",
        "via": "1.1 google",
    }


def _rfc3339(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def models(names: Iterable[str], created: int) -> Json:
    listed = [{"type": "model", "id": name, "display_name": name, "created_at": _rfc3339(created), "lifecycle": "active"} for name in names]
    return {
        "data": listed,
        "has_more": False,
        "first_id": listed[0]["id"] if listed else None,
        "last_id": listed[-1]["id"] if listed else None,
    }


def counted(tokens: int) -> Json:
    return {"input_tokens": tokens}


SPEAKER = Speaker(
    protocol="anthropic_messages",
    read=read,
    whole=whole,
    stream=stream,
    error=error,
    error_events=error_events,
    fields=fields,
    models=models,
    counted=counted,
)
