"""OpenAI responses."""

from omnillm.testing.generation import Block, Generation
from omnillm.testing.replies.conversation import judge_input
from omnillm.testing.replies.openai import error, error_of, fields, models
from omnillm.testing.replies.openai_chat import counted
from omnillm.testing.replies.reading import (
    cap,
    demand,
    json_asked,
    last_results,
    last_user_text,
    markers_in,
    must_call,
    objects,
    pictured,
    text,
    texts_in,
    within,
)
from omnillm.testing.replies.speaker import Asked, Json, Malformed, Part, Piece, Speaker, Tool, Trouble
from omnillm.testing.replies.writing import sse
from omnillm.usage import Usage

LOGPROBS: dict[str, Json] = {"response.output_text.delta": {"logprobs": []}}
"""They belong to text alone."""
FAILURES = ("server_error", "rate_limit_exceeded", "invalid_prompt")


def read(body: Json) -> Asked:
    asked = body.get("input")
    if not isinstance(asked, str | list) or not asked:
        raise Malformed("Missing required parameter: 'input'.")
    prompt, history, previous = last_user_text(asked), judge_input(asked), text(body.get("previous_response_id"))
    is_stored = body.get("store") is not False
    functions = [tool for tool in objects(body.get("tools"), "tools") if tool.get("type") == "function"]
    return Asked(
        model=demand(body, "model", str),
        prompt=prompt,
        tier=text(body.get("service_tier")),
        texts=(*texts_in(body.get("instructions")), *texts_in(asked)),
        is_stream=body.get("stream") is True,
        max_output=cap(body.get("max_output_tokens"), "max_output_tokens"),
        tools=tuple(Tool(each.get("name", ""), each.get("parameters")) for each in functions),
        must_call=must_call(body.get("tool_choice")),
        markers=markers_in(last_results(asked, "type", "function_call_output", "custom_tool_call_output") or prompt),
        images=pictured(asked),
        schema=json_asked(within(body, "text", "format"), within(body, "text", "format", "schema")),
        wants_seal=isinstance(included := body.get("include"), list) and "reasoning.encrypted_content" in included,
        seals=history.seals,
        calls=history.calls,
        answers=history.answers,
        previous=previous,
        stored=is_stored,
        echo=({} if is_stored else {"store": False}) | ({"previous_response_id": previous} if previous else {}),
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


def _part(generation: Generation, text: str) -> Json:
    """The one content part of a message."""
    if generation.finish == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}


def _item(generation: Generation, block: Block, status: str) -> Json:
    """An output item. In progress it has just begun."""
    has_begun = status == "in_progress"
    if block.kind == "tool":
        return {
            "id": generation.id_of(block, "fc"),
            "type": "function_call",
            "status": status,
            "arguments": "" if has_begun else block.text,
            "call_id": generation.id_of(block, "call"),
            "name": block.name,
        }
    if block.kind == "reasoning":
        sealed = {"encrypted_content": generation.seal} if generation.seal else {}
        return {"id": f"rs_{generation.serial}", "type": "reasoning", **sealed, "summary": [] if has_begun else [_summary(block.text)]}
    content = [] if has_begun else [_part(generation, block.text)]
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
        "service_tier": generation.tier,
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
    } | dict(generation.echo)


def _final(generation: Generation) -> tuple[str, list[Json]]:
    """The status and the output of the whole reply; only its last item can be incomplete."""
    status = "incomplete" if generation.finish == "length" else "completed"
    last = len(generation.blocks) - 1
    return status, [_item(generation, block, status if place == last else "completed") for place, block in enumerate(generation.blocks)]


def whole(generation: Generation) -> Json:
    status, output = _final(generation)
    return _response(generation, status, output=output, usage=_usage(generation.told))


class _Events:
    """The events of one reply, numbered from 0, with the words that were said so far."""

    __slots__ = ("_generation", "pieces", "said")

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self.pieces: list[Piece] = []
        self.said = 0

    def add(self, kind: str, part: Part, members: Json) -> None:
        event = {"type": kind, "sequence_number": len(self.pieces)} | members
        self.pieces.append(Piece(sse(event, kind), self._generation.after(self.said), part))

    def say(self, kind: str, block: Block, members: Json) -> None:
        """A delta a word."""
        for word in block.words:
            self.said += 1
            self.add(kind, "content", {**members, "delta": word, **LOGPROBS.get(kind, {})})


def stream(generation: Generation) -> list[Piece]:
    events = _Events(generation)
    started = _response(generation, "in_progress", output=[])
    events.add("response.created", "start", {"response": started})
    partial = generation.told_after(0) if generation.is_cumulative else None
    events.add("response.in_progress", "start", {"response": started | {"usage": _usage(partial)}})
    status, output = _final(generation)
    for index, block in enumerate(generation.blocks):
        closing: Part = "finish" if block is generation.blocks[-1] else "start"
        item = _item(generation, block, "in_progress")
        events.add("response.output_item.added", "start", {"output_index": index, "item": item})
        ADD[block.kind](events, generation, block, {"item_id": item["id"], "output_index": index}, closing)
        events.add("response.output_item.done", closing, {"output_index": index, "item": output[index]})
    final = _response(generation, status, output=output, usage=_usage(generation.told))
    events.add(f"response.{status}", "terminal", {"response": final})
    return events.pieces


def _add_text(events: _Events, generation: Generation, block: Block, at: Json, closing: Part) -> None:
    kind, member = ("refusal", "refusal") if generation.finish == "refusal" else ("output_text", "text")
    at = at | {"content_index": 0}
    events.add("response.content_part.added", "start", at | {"part": _part(generation, "")})
    events.say(f"response.{kind}.delta", block, at)
    events.add(f"response.{kind}.done", closing, {**at, member: block.text, **LOGPROBS.get(f"response.{kind}.delta", {})})
    events.add("response.content_part.done", closing, at | {"part": _part(generation, block.text)})


def _add_call(events: _Events, _: Generation, block: Block, at: Json, closing: Part) -> None:
    events.say("response.function_call_arguments.delta", block, at)
    events.add("response.function_call_arguments.done", closing, at | {"name": block.name, "arguments": block.text})


def _add_reasoning(events: _Events, _: Generation, block: Block, at: Json, closing: Part) -> None:
    at = at | {"summary_index": 0}
    events.add("response.reasoning_summary_part.added", "start", at | {"part": _summary("")})
    events.say("response.reasoning_summary_text.delta", block, at)
    events.add("response.reasoning_summary_text.done", closing, at | {"text": block.text})
    events.add("response.reasoning_summary_part.done", closing, at | {"part": _summary(block.text)})


ADD = {"text": _add_text, "tool": _add_call, "reasoning": _add_reasoning}


def error_events(trouble: Trouble, generation: Generation, sent: int) -> bytes:
    inner = error_of(trouble)
    code = inner["code"] if inner["code"] in FAILURES else "server_error"
    failed = _response(generation, "failed", output=[], failure={"code": code, "message": inner["message"]})
    told: Json = {"type": "error", "sequence_number": sent, "error": inner}
    return sse(told, "error") + sse({"type": "response.failed", "sequence_number": sent + 1, "response": failed}, "response.failed")


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
