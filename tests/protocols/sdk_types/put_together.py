"""What each official SDK makes of a stream, put together by the SDK's own code, beside what it makes of the whole reply."""

import json
from collections.abc import Iterable
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from google.genai.types import Candidate, GenerateContentResponse, Part
from openai import omit
from openai.lib.streaming.chat._completions import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState

_OWN = frozenset(
    {
        *("id", "item_id", "created", "created_at", "call_id", "index", "parsed", "parsed_arguments", "cache_creation"),
        *("output_text", "output_image", "output_audio", "output_video"),
    }
)
"""Ids that the gateway makes, what an SDK adds, and the terms of cache writes, which Anthropic's last event has no place for."""


def put_together(client: str, events: Iterable[Any]) -> dict[str, Any]:
    """What the SDK has at the end of a stream."""
    return _compared(_READERS[client](events))


def whole(client: str, reply: Any) -> dict[str, Any]:
    """The same of a whole reply."""
    return _compared(_gemini([reply]) if client == "gemini_generate_content" else reply.model_dump(mode="json", exclude_none=True))


def _compared(value: Any) -> Any:
    """Without what says nothing: an empty text, and nothing at all, are the same to a reader."""
    if type(value) is dict:
        said = {name: _compared(each) for name, each in value.items() if name not in _OWN}
        return {name: each for name, each in said.items() if each not in (None, "", [], {}, 0)}
    return [_compared(each) for each in value] if type(value) is list else value


def _chat(events: Iterable[Any]) -> dict[str, Any]:
    state: Any = ChatCompletionStreamState()
    for event in events:
        list(state.handle_chunk(event))
    return state.current_completion_snapshot.model_dump(mode="json", exclude_none=True)


def _responses(events: Iterable[Any]) -> dict[str, Any]:
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    made: list[Any] = []
    for event in events:
        made += state.handle_event(event)
    return made[-1].response.model_dump(mode="json", exclude_none=True)


def _anthropic(events: Iterable[Any]) -> dict[str, Any]:
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    return snapshot.model_dump(mode="json", exclude_none=True)


def _gemini(events: Iterable[Any]) -> dict[str, Any]:
    """Join chunks, as an application does: the SDK itself has nothing for it."""
    chunks: list[GenerateContentResponse] = list(events)
    whole = {
        name: value for chunk in chunks for name, value in chunk.model_dump(mode="json", exclude_none=True).items() if name != "candidates"
    }
    candidates: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for candidate in chunk.candidates or ():
            _join(candidates.setdefault(candidate.index or 0, {"parts": []}), candidate)
    return {**whole, "candidates": [candidates[index] for index in sorted(candidates)]}


def _join(joined: dict[str, Any], candidate: Candidate) -> None:
    for part in (candidate.content.parts or ()) if candidate.content else ():
        _join_part(joined["parts"], part)
    joined.update(candidate.model_dump(mode="json", exclude_none=True, exclude={"content"}))


def _join_part(parts: list[Any], part: Part) -> None:
    said = part.model_dump(mode="json", exclude_none=True)
    last = parts[-1] if parts else {}
    if "text" in said and "text" in last and said.get("thought") == last.get("thought") and "thought_signature" not in last:
        parts[-1] = {**last, **said, "text": last["text"] + said["text"]}
    elif said != {"text": ""}:
        parts.append(said)


def interaction_of(events: Iterable[Any]) -> dict[str, Any]:
    """Let steps grow by their deltas, as an application does: the SDK itself has nothing for it."""
    steps: dict[int, dict[str, Any]] = {}
    last: dict[str, Any] = {}
    for event in events:
        said = event.model_dump(mode="json", exclude_none=True)
        if said["event_type"] == "step.start":
            steps[said["index"]] = said["step"]
        elif said["event_type"] == "step.delta":
            _grow(steps[said["index"]], said["delta"])
        last = said.get("interaction", last)
    for step in steps.values():
        if type(step.get("arguments")) is str:
            step["arguments"] = json.loads(step["arguments"])
    return {**last, "steps": [steps[index] for index in sorted(steps)]}


def _grow(step: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta["type"]
    if kind == "arguments_delta":
        before = step.get("arguments")
        step["arguments"] = (before if type(before) is str else "") + delta["arguments"]
    elif kind == "thought_signature":
        step["signature"] = delta["signature"]
    elif kind == "thought_summary":
        _add(step.setdefault("summary", []), delta["content"])
    elif kind == "text_annotation_delta":
        step["content"][-1]["annotations"] = delta["annotations"]
    else:
        _add(step.setdefault("content", []), delta)


def _add(contents: list[Any], content: dict[str, Any]) -> None:
    last = contents[-1] if contents else {}
    if content["type"] == "text" == last.get("type"):
        last["text"] += content["text"]
    else:
        contents.append(content)


_READERS = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic_messages": _anthropic,
    "gemini_generate_content": _gemini,
    "gemini_interactions": interaction_of,
}
