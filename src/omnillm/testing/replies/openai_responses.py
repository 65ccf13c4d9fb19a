"""OpenAI responses."""

import msgspec

from omnillm.testing.generation import Generation
from omnillm.testing.replies.openai import error, error_of, fields, models
from omnillm.testing.replies.openai_chat import counted
from omnillm.testing.replies.speaker import (
    Asked,
    Json,
    Malformed,
    Part,
    Piece,
    Speaker,
    Trouble,
    cap,
    demand,
    last_user_text,
    objects,
    texts_in,
)
from omnillm.usage import Usage

FAILURES = ("server_error", "rate_limit_exceeded", "invalid_prompt")


def read(body: Json) -> Asked:
    asked = body.get("input")
    if not isinstance(asked, str | list) or not asked:
        raise Malformed("Missing required parameter: 'input'.")
    functions = [tool for tool in objects(body.get("tools"), "tools") if tool.get("type") == "function"]
    return Asked(
        model=demand(body, "model", str),
        prompt=last_user_text(asked),
        texts=(*texts_in(body.get("instructions")), *texts_in(asked)),
        is_stream=body.get("stream") is True,
        max_output=cap(body.get("max_output_tokens"), "max_output_tokens"),
        tools=tuple({"name": function.get("name", ""), "schema": function.get("parameters")} for function in functions),
    )


def _usage(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write_short},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total_tokens,
    }


def _part(text: str) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item(generation: Generation, status: str, words: tuple[str, ...] | None) -> Json:
    """The one output item; without words it has just begun."""
    if generation.tool:
        return {
            "id": f"fc_{generation.serial}",
            "type": "function_call",
            "status": status,
            "arguments": "".join(words or ()),
            "call_id": f"call_{generation.serial}",
            "name": generation.tool,
        }
    content = [] if words is None else [_part("".join(words))]
    return {"id": f"msg_{generation.serial}", "type": "message", "status": status, "content": content, "role": "assistant"}


def _response(generation: Generation, status: str, *, output: list[Json], usage: Json | None = None, failure: Json | None = None) -> Json:
    return {
        "id": f"resp_{generation.serial}",
        "object": "response",
        "created_at": generation.created,
        "status": status,
        "background": False,
        "completed_at": generation.created if status == "completed" else None,
        "error": failure,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": generation.max_output,
        "max_tool_calls": None,
        "model": generation.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "metadata": {},
    }


def _final(generation: Generation) -> tuple[str, list[Json]]:
    """The status and the output of the whole reply."""
    status = "incomplete" if generation.finish == "length" else "completed"
    return status, [_item(generation, status, generation.words)]


def whole(generation: Generation) -> Json:
    status, output = _final(generation)
    return _response(generation, status, output=output, usage=_usage(generation.told))


class _Events:
    """The events of one reply, numbered from 0."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    def add(self, kind: str, tokens: int, part: Part, members: Json) -> None:
        event = {"type": kind, "sequence_number": len(self.pieces)} | members
        self.pieces.append(Piece(_event(kind, event), tokens, part))


def _event(kind: str, event: Json) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"


def stream(generation: Generation) -> list[Piece]:
    events, after, total = _Events(), generation.after, len(generation.words)
    started = _response(generation, "in_progress", output=[])
    events.add("response.created", after(0), "start", {"response": started})
    partial = generation.told_after(0) if generation.is_cumulative else None
    events.add("response.in_progress", after(0), "start", {"response": started | {"usage": _usage(partial)}})
    events.add("response.output_item.added", after(0), "start", {"output_index": 0, "item": _item(generation, "in_progress", None)})
    (_add_call if generation.tool else _add_text)(events, generation)
    status, output = _final(generation)
    events.add("response.output_item.done", after(total), "finish", {"output_index": 0, "item": output[0]})
    final = _response(generation, status, output=output, usage=_usage(generation.told))
    events.add(f"response.{status}", after(total), "terminal", {"response": final})
    return events.pieces


def _add_text(events: _Events, generation: Generation) -> None:
    after, total = generation.after, len(generation.words)
    at = {"item_id": f"msg_{generation.serial}", "output_index": 0, "content_index": 0}
    events.add("response.content_part.added", after(0), "start", at | {"part": _part("")})
    for said, word in enumerate(generation.words, 1):
        events.add("response.output_text.delta", after(said), "content", at | {"delta": word, "logprobs": []})
    events.add("response.output_text.done", after(total), "finish", at | {"text": generation.text, "logprobs": []})
    events.add("response.content_part.done", after(total), "finish", at | {"part": _part(generation.text)})


def _add_call(events: _Events, generation: Generation) -> None:
    at = {"item_id": f"fc_{generation.serial}", "output_index": 0}
    for said, word in enumerate(generation.words, 1):
        events.add("response.function_call_arguments.delta", generation.after(said), "content", at | {"delta": word})
    done = at | {"name": generation.tool, "arguments": generation.text}
    events.add("response.function_call_arguments.done", generation.after(len(generation.words)), "finish", done)


def error_events(trouble: Trouble, generation: Generation, sent: int) -> bytes:
    inner = error_of(trouble)
    code = inner["code"] if inner["code"] in FAILURES else "server_error"
    failed = _response(generation, "failed", output=[], failure={"code": code, "message": inner["message"]})
    told: Json = {"type": "error", "sequence_number": sent, "error": inner}
    return _event("error", told) + _event("response.failed", {"type": "response.failed", "sequence_number": sent + 1, "response": failed})


SPEAKER = Speaker(
    protocol="openai_responses",
    read=read,
    whole=whole,
    stream=stream,
    error=error,
    error_events=error_events,
    fields=fields,
    models=models,
    counted=counted,
)
