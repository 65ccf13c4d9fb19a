"""A reply, as the stream in which its provider would have said it: every part in two pieces, as far as it has pieces."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from tests.protocols.sdk_types.asked import BETA, Body


def stream_of(provider: str, body: Body) -> bytes:
    return written(provider, events_of(provider, body))


def events_of(provider: str, body: Body) -> Iterable[Body]:
    return _STREAMS[provider](body)


def written(provider: str, events: Iterable[Body]) -> bytes:
    """As the provider writes events on the wire."""
    is_named = provider in {"openai_responses", "anthropic_messages", "gemini_interactions", BETA}
    raw = b"".join([frame(event, is_named=is_named) for event in events])
    return raw + b"data: [DONE]\n\n" if provider in {"openai_chat", "gemini_interactions"} else raw


def frame(event: Body, *, is_named: bool) -> bytes:
    name = f"event: {event.get('type') or event['event_type']}\n" if is_named else ""
    return f"{name}data: ".encode() + msgspec.json.encode(event) + b"\n\n"


def _without(body: Body, *names: str) -> Body:
    return {name: value for name, value in body.items() if name not in names}


def _halves(text: str) -> list[str]:
    return [text[: len(text) // 2], text[len(text) // 2 :]]


# Chat


def _chat(body: Body) -> Iterator[Body]:
    chunk = {**_without(body, "choices", "usage"), "object": "chat.completion.chunk"}
    for choice in body["choices"]:
        logprobs = choice.get("logprobs") or {}
        for delta in _chat_deltas(choice["message"]):
            [name] = delta.keys() - {"role"}
            told = {"logprobs": logprobs} if logprobs.get(name) and delta[name] else {}
            logprobs = {} if told else logprobs
            yield {**chunk, "choices": [{"index": choice["index"], "delta": delta, "finish_reason": None, **told}]}
        last = {"index": choice["index"], "delta": {}, **_without(choice, "message", "index", "logprobs")}
        yield {**chunk, "choices": [last]}
    if "usage" in body:
        yield {**chunk, "choices": [], "usage": body["usage"]}


def _chat_deltas(message: Body) -> Iterator[Body]:
    yield {"role": message["role"], "content": ""}
    for name, value in message.items():
        if name in {"content", "refusal"} and value:
            yield from [{name: piece} for piece in _halves(value)]
        elif name == "tool_calls":
            for index, call in enumerate(value):
                yield from [{name: [piece]} for piece in _chat_call(call, index)]
        elif name == "function_call":
            yield {name: {"name": value["name"], "arguments": ""}}
            yield from [{name: {"arguments": piece}} for piece in _halves(value["arguments"])]
        elif name == "audio":
            yield {name: _without(value, "data", "transcript", "expires_at")}
            yield {name: {"data": value["data"], "transcript": value["transcript"]}}
            yield {name: {"expires_at": value["expires_at"]}}
        elif name != "role" and value is not None:
            yield {name: value}


def _chat_call(call: Body, index: int) -> Iterator[Body]:
    kind = call["type"]
    said = {"function": "arguments", "custom": "input"}.get(kind)
    if said is None:
        yield {**call, "index": index}
        return
    yield {**call, "index": index, kind: {**call[kind], said: ""}}
    yield from [{"index": index, kind: {said: piece}} for piece in _halves(call[kind][said])]


# Responses


def _responses(body: Body) -> Iterator[Body]:
    for number, event in enumerate(_responses_events(body)):
        yield {**event, "sequence_number": number}


def _responses_events(body: Body) -> Iterator[Body]:
    begun = {**_without(body, "usage", "error", "incomplete_details", "completed_at"), "status": "in_progress", "output": []}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(body["output"]):
        begun_item = _item_begun(item)
        yield {"type": "response.output_item.added", "output_index": index, "item": begun_item}
        for event in _ITEM_EVENTS.get(item["type"], _no_events)(item):
            yield {**event, "output_index": index, "item_id": item.get("id", "zid")}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{body['status']}", "response": body}


def _item_begun(item: Body) -> Body:
    empty: dict[str, Any] = {"content": [], "summary": [], "arguments": "", "input": ""}
    kinds = {"message": ("content",), "reasoning": ("content", "summary"), "function_call": ("arguments",), "custom_tool_call": ("input",)}
    begun = {name: empty[name] if name in kinds.get(item["type"], ()) else value for name, value in item.items()}
    return {**begun, "status": "in_progress"} if "status" in item and item["type"] in kinds else begun


def _no_events(item: Body) -> Iterator[Body]:
    yield from ()


def _message_events(item: Body) -> Iterator[Body]:
    for index, part in enumerate(item["content"]):
        kind, where = part["type"], {"content_index": index}
        is_text = kind == "output_text"
        said = "text" if is_text else "refusal"
        if said not in part:
            yield {"type": "response.content_part.added", "part": part, **where}
            yield {"type": "response.content_part.done", "part": part, **where}
            continue
        empty = {**part, said: "", "annotations": []} if is_text else {**part, said: ""}
        yield {"type": "response.content_part.added", "part": _without(empty, "logprobs"), **where}
        for number, piece in enumerate(_halves(part[said])):
            more = {"logprobs": part.get("logprobs") or [] if number == 0 else []} if is_text else {}
            yield {"type": f"response.{kind}.delta", "delta": piece, **where, **more}
        for number, annotation in enumerate(part.get("annotations", ())):
            yield {"type": "response.output_text.annotation.added", "annotation_index": number, "annotation": annotation, **where}
        yield {"type": f"response.{kind}.done", said: part[said], **where, **({"logprobs": part.get("logprobs") or []} if is_text else {})}
        yield {"type": "response.content_part.done", "part": part, **where}


def _reasoning_events(item: Body) -> Iterator[Body]:
    for index, part in enumerate(item["summary"]):
        where = {"summary_index": index}
        yield {"type": "response.reasoning_summary_part.added", "part": {**part, "text": ""}, **where}
        for piece in _halves(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", "delta": piece, **where}
        yield {"type": "response.reasoning_summary_text.done", "text": part["text"], **where}
        yield {"type": "response.reasoning_summary_part.done", "part": part, **where}
    for index, part in enumerate(item.get("content") or ()):
        where = {"content_index": index}
        for piece in _halves(part["text"]):
            yield {"type": "response.reasoning_text.delta", "delta": piece, **where}
        yield {"type": "response.reasoning_text.done", "text": part["text"], **where}


def _call_events(item: Body) -> Iterator[Body]:
    for piece in _halves(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", "delta": piece}
    yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"], "name": item["name"]}


def _custom_events(item: Body) -> Iterator[Body]:
    for piece in _halves(item["input"]):
        yield {"type": "response.custom_tool_call_input.delta", "delta": piece}
    yield {"type": "response.custom_tool_call_input.done", "input": item["input"]}


_ITEM_EVENTS = {
    "message": _message_events,
    "reasoning": _reasoning_events,
    "function_call": _call_events,
    "custom_tool_call": _custom_events,
}


# Anthropic


def _anthropic(body: Body) -> Iterator[Body]:
    usage = {name: value for name, value in body["usage"].items() if name != "output_tokens"}
    begun = {**body, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": _without(begun, "stop_details", "container", "context_management")}
    for index, block in enumerate(body["content"]):
        empty, deltas = _block_pieces(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield from [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        yield {"type": "content_block_stop", "index": index}
    delta = {name: body[name] for name in ("stop_reason", "stop_sequence", "stop_details", "container") if name in body}
    last = {"type": "message_delta", "delta": delta, "usage": {name: body["usage"][name] for name in _LAST_USAGE if name in body["usage"]}}
    yield {**last, "context_management": body["context_management"]} if "context_management" in body else last
    yield {"type": "message_stop"}


_LAST_USAGE = (
    *("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "server_tool_use"),
    *("output_tokens_details", "iterations", "fallback_credit"),
)


def _block_pieces(block: Body) -> tuple[Body, Iterable[Body]]:
    """The block as it begins, and what it becomes by."""
    kind = block["type"]
    if kind == "text":
        cited = [{"type": "citations_delta", "citation": citation} for citation in block.get("citations") or ()]
        return _without({**block, "text": ""}, "citations"), [
            {"type": "text_delta", "text": piece} for piece in _halves(block["text"])
        ] + cited
    if kind == "thinking":
        pieces = [{"type": "thinking_delta", "thinking": piece} for piece in _halves(block["thinking"])]
        return {**block, "thinking": "", "signature": ""}, [*pieces, {"type": "signature_delta", "signature": block["signature"]}]
    if kind.endswith("tool_use"):
        pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in _halves(msgspec.json.encode(block["input"]).decode())]
        return {**block, "input": {}}, pieces
    if kind == "compaction":
        later = {name: value for name, value in block.items() if name in {"content", "encrypted_content"}}
        return _without(block, *later), [{"type": "compaction_delta", **later}]
    return block, ()


# Gemini


def _gemini(body: Body) -> Iterator[Body]:
    head = _without(body, "candidates", "usageMetadata", "promptFeedback")
    for candidate in body.get("candidates", ()):
        for part in candidate.get("content", {}).get("parts", ()):
            for piece in _part_pieces(part):
                content = {**candidate["content"], "parts": [piece]}
                yield {**head, "candidates": [{"content": content, **{n: candidate[n] for n in ("index",) if n in candidate}}]}
    last = [_without(candidate, "content") for candidate in body.get("candidates", ())]
    yield {**_without(body, "candidates"), **({"candidates": last} if last else {})}


def _part_pieces(part: Body) -> list[Body]:
    if not part.keys() <= {"text", "thought", "thoughtSignature"}:
        return [part]
    first, second = _halves(part["text"])
    return [{**_without(part, "thoughtSignature"), "text": first}, {**part, "text": second}]


# Interactions


def _interactions(body: Body) -> Iterator[Body]:
    head = _without(body, "steps", "usage", "status")
    yield {"event_type": "interaction.created", "interaction": {"id": "v1_zid", **head, "status": "in_progress"}}
    yield {"event_type": "interaction.status_update", "interaction_id": "v1_zid", "status": "in_progress"}
    for index, step in enumerate(body["steps"]):
        begun, deltas = _step_pieces(step)
        yield {"event_type": "step.start", "index": index, "step": begun}
        yield from [{"event_type": "step.delta", "index": index, "delta": delta} for delta in deltas]
        yield {"event_type": "step.stop", "index": index}
    yield {"event_type": "interaction.completed", "interaction": {"id": "v1_zid", **_without(body, "steps")}}


def _step_pieces(step: Body) -> tuple[Body, list[Body]]:
    """The step as it begins, and what it becomes by."""
    kind = step["type"]
    if kind == "model_output":
        return _without(step, "content"), [delta for content in step.get("content", ()) for delta in _content_pieces(content)]
    if kind == "thought":
        summaries: list[Body] = [{"type": "thought_summary", "content": content} for content in step.get("summary") or ()]
        signed = [{"type": "thought_signature", "signature": step["signature"]}] if "signature" in step else []
        return _without(step, "summary", "signature"), [*summaries, *signed]
    if kind == "function_call":
        pieces = _halves(msgspec.json.encode(step["arguments"]).decode())
        return {**step, "arguments": {}}, [{"type": "arguments_delta", "arguments": piece} for piece in pieces]
    if kind.endswith("_result"):
        said = _without(step, "call_id")
        return {"type": kind, "call_id": step["call_id"]}, [said]
    return step, []


def _content_pieces(content: Body) -> list[Body]:
    if content["type"] != "text":
        return [content]
    pieces: list[Body] = [{"type": "text", "text": piece} for piece in _halves(content["text"])]
    annotations = content.get("annotations")
    return [*pieces, {"type": "text_annotation_delta", "annotations": annotations}] if annotations else pieces


_STREAMS = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic_messages": _anthropic,
    BETA: _anthropic,
    "gemini_generate_content": _gemini,
    "gemini_interactions": _interactions,
}
