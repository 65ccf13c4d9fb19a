"""Anthropic messages."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from omnillm.testing.generation import Generation
from omnillm.testing.replies.speaker import Asked, Json, Piece, Speaker, Standing, Trouble, cap, demand, last_user_text, objects, texts_in
from omnillm.usage import Usage

STOP = {"end": "end_turn", "length": "max_tokens", "tool": "tool_use"}
ERRORS: dict[int, tuple[str, str]] = {
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
VARIANTS: dict[str, tuple[str, str]] = {
    "insufficient_quota": ("rate_limit_error", "You have reached your specified API usage limits. You will regain access on 2030-01-01."),
    "per_day_quota": ("rate_limit_error", "This request would exceed your organization's daily rate limit."),
    "spend_limit": ("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "account_disabled": ("permission_error", "This organization has been disabled."),
    "context_length": ("invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
    "route_not_found": ("not_found_error", "Not found"),
}
DETAILS = {"insufficient_quota": {"error_code": "workspace_spend_limit_reached"}}


def read(body: Json) -> Asked:
    return read_count(body, max_output=cap(demand(body, "max_tokens", int), "max_tokens"))


def read_count(body: Json, max_output: int | None = None) -> Asked:
    """A question for the prompt's tokens needs no cap."""
    messages = demand(body, "messages", list)
    functions = [tool for tool in objects(body.get("tools"), "tools") if "input_schema" in tool]
    return Asked(
        model=demand(body, "model", str),
        prompt=last_user_text(messages),
        texts=(*texts_in(body.get("system")), *texts_in(messages)),
        is_stream=body.get("stream") is True,
        max_output=max_output,
        tools=tuple({"name": function.get("name", ""), "schema": function["input_schema"]} for function in functions),
    )


def _usage(usage: Usage, output: int) -> Json:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write_short,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write_short, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _message(generation: Generation, content: list[Json], stop_reason: str | None, output: int) -> Json:
    message = {
        "model": generation.model,
        "id": f"msg_{generation.serial}",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }
    return message if generation.told is None else message | {"usage": _usage(generation.told, output)}


def _block(generation: Generation) -> Json:
    """The one content block, still empty."""
    if generation.tool:
        return {"type": "tool_use", "id": f"toolu_{generation.serial}", "name": generation.tool, "input": {}}
    return {"type": "text", "text": ""}


def whole(generation: Generation) -> Json:
    said = {"input": msgspec.json.decode(generation.text)} if generation.tool else {"text": generation.text}
    output = generation.told.completion_tokens if generation.told else 0
    return _message(generation, [_block(generation) | said], STOP[generation.finish], output)


def _event(kind: str, members: Json) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind} | members) + b"\n\n"


def _closing(generation: Generation, words: int, stop_reason: str | None) -> bytes:
    """The message_delta after so many words."""
    told = generation.told_after(words) if stop_reason is None else generation.told
    members: Json = {"delta": {"stop_reason": stop_reason, "stop_sequence": None}}
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
    after, total = generation.after, len(generation.words)
    first = min(1, generation.told.completion_tokens) if generation.told else 0
    pieces = [
        Piece(_event("message_start", {"message": _message(generation, [], None, first)}), after(0), "start"),
        Piece(_event("content_block_start", {"index": 0, "content_block": _block(generation)}), after(0), "start"),
        Piece(_event("ping", {}), after(0), "start"),
    ]
    kind, member = ("input_json_delta", "partial_json") if generation.tool else ("text_delta", "text")
    for said, word in enumerate(generation.words, 1):
        raw = _event("content_block_delta", {"index": 0, "delta": {"type": kind, member: word}})
        if generation.is_cumulative and said % 5 == 0:
            raw += _closing(generation, said, None)
        pieces.append(Piece(raw, after(said)))
    pieces += [
        Piece(_event("content_block_stop", {"index": 0}), after(total), "finish"),
        Piece(_closing(generation, total, STOP[generation.finish]), after(total), "finish"),
        Piece(_event("message_stop", {}), after(total), "terminal"),
    ]
    return pieces


def error(trouble: Trouble) -> Json:
    kind, message = VARIANTS.get(trouble.code) or ERRORS.get(trouble.status) or ERRORS[500]
    inner: Json = {"type": kind, "message": trouble.message or message}
    if trouble.code in DETAILS:
        inner["details"] = DETAILS[trouble.code]
    return {"type": "error", "error": inner, "request_id": "req_fakeprovider"}


def error_events(trouble: Trouble, generation: Generation, sent: int) -> bytes:
    del generation, sent
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
