"""A stream of the Interactions API, event by event, as https://ai.google.dev/gemini-api/docs/streaming shows it."""

import json
from typing import Any

USAGE = {
    "total_tokens": 353,
    "total_input_tokens": 11,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 11}],
    "total_cached_tokens": 4,
    "total_output_tokens": 90,
    "total_tool_use_tokens": 7,
    "total_thought_tokens": 245,
}


def event(kind: str, **members: Any) -> bytes:
    return json.dumps({**members, "event_type": kind}).encode()


def step(index: int, kind: str, **members: Any) -> bytes:
    return event("step.start", index=index, step={"type": kind, **members})


def delta(index: int, kind: str, **members: Any) -> bytes:
    return event("step.delta", index=index, delta={"type": kind, **members})


def completed(status: str = "completed", **members: Any) -> bytes:
    return event("interaction.completed", interaction={"id": "v1_a", "status": status, **members})


CREATED = event("interaction.created", interaction={"id": "v1_a", "status": "in_progress", "object": "interaction", "model": "m"})
UPDATE = event("interaction.status_update", interaction_id="v1_a", status="in_progress")
TEXT = delta(1, "text", text="Deep")
STOP = event("step.stop", index=1)
DONE = b"[DONE]"
WHOLE = [
    CREATED,
    UPDATE,
    step(0, "thought"),
    delta(0, "thought_signature", signature="EqkB"),
    event("step.stop", index=0),
    step(1, "model_output"),
    TEXT,
    delta(1, "text", text=', "interaction" and all.'),
    STOP,
    completed(usage=USAGE, service_tier="standard"),
    DONE,
]


def framed(events: list[bytes]) -> bytes:
    """As they stand on the wire, each with its name."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (_name_of(each), each) for each in events)


def _name_of(data: bytes) -> bytes:
    return b"done" if data == DONE else json.loads(data)["event_type"].encode()
