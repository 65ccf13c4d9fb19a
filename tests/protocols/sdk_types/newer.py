"""What a provider may say one day: words, parts and events that no installed SDK knows, beside an answer that everybody understands."""

from typing import Any

from tests.protocols.sdk_types.answered import replies
from tests.protocols.sdk_types.asked import Body
from tests.protocols.sdk_types.streamed import events_of

NEW = "brand_new"
WORDS = "It is 149 m deep."


def base(provider: str) -> Body:
    """A plain answer."""
    return replies(provider)[0].body


def _chat_choice(**members: Any) -> Body:
    body = base("openai_chat")
    choice = {"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop", "logprobs": None}
    return {**body, "choices": [{**choice, **members}]}


def _output(*items: Body, **members: Any) -> Body:
    text = {"type": "output_text", "text": WORDS, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    return {**base("openai_responses"), "output": [*items, message], **members}


def _content(*blocks: Body, **members: Any) -> Body:
    return {**base("anthropic_messages"), "content": [*blocks, {"type": "text", "text": WORDS}], **members}


def _parts(*parts: Body, **members: Any) -> Body:
    content = {"role": "model", "parts": [*parts, {"text": WORDS}]}
    return {**base("gemini_generate_content"), "candidates": [{"content": content, "finishReason": "STOP", "index": 0, **members}]}


def _steps(*steps: Body, **members: Any) -> Body:
    said = {"type": "model_output", "content": [{"type": "text", "text": WORDS}]}
    return {**base("gemini_interactions"), "steps": [*steps, said], **members}


def _annotated(annotation: Body) -> Body:
    body = _output()
    body["output"][-1]["content"][0]["annotations"] = [annotation]
    return body


def _with_content(part: Body) -> Body:
    body = _output()
    body["output"][-1]["content"].append(part)
    return body


_CALL = {"id": "call_1", "type": NEW, NEW: {"name": "f"}}

REPLIES: dict[tuple[str, str], Body] = {
    ("openai_chat", "finish reason"): _chat_choice(finish_reason=NEW),
    ("openai_chat", "member of a message"): _chat_choice(message={"role": "assistant", "content": WORDS, NEW: {"a": 1}}),
    ("openai_chat", "member of a choice"): _chat_choice(**{NEW: [1]}),
    ("openai_chat", "role"): _chat_choice(message={"role": NEW, "content": WORDS}),
    ("openai_chat", "sort of call"): _chat_choice(message={"role": "assistant", "content": WORDS, "tool_calls": [_CALL]}),
    ("openai_chat", "annotation"): _chat_choice(message={"role": "assistant", "content": WORDS, "annotations": [{"type": NEW, NEW: {}}]}),
    ("openai_chat", "service tier"): {**_chat_choice(), "service_tier": NEW},
    ("openai_chat", "member"): {**_chat_choice(), NEW: {"a": 1}},
    ("openai_responses", "item"): _output({"type": NEW, "id": "new_1", "status": "completed"}),
    ("openai_responses", "item without an id"): _output({"type": NEW}),
    ("openai_responses", "part of a message"): _with_content({"type": NEW, NEW: "x"}),
    ("openai_responses", "annotation"): _annotated({"type": NEW, "a": 1}),
    ("openai_responses", "reason of an incomplete answer"): _output(status="incomplete", incomplete_details={"reason": NEW}),
    ("openai_responses", "service tier"): _output(service_tier=NEW),
    ("openai_responses", "member"): _output(**{NEW: {"a": 1}}),
    ("anthropic_messages", "block"): _content({"type": NEW, "a": 1}),
    ("anthropic_messages", "stop reason"): _content(stop_reason=NEW),
    ("anthropic_messages", "sort of refusal"): _content(stop_reason="refusal", stop_details={"type": NEW, "category": NEW}),
    ("anthropic_messages", "member"): _content(**{NEW: {"a": 1}}),
    ("anthropic_messages", "service tier"): _content(usage={**base("anthropic_messages")["usage"], "service_tier": NEW}),
    ("anthropic_messages", "citation"): {
        **_content(),
        "content": [{"type": "text", "text": WORDS, "citations": [{"type": NEW, "cited_text": "a"}]}],
    },
    ("gemini_generate_content", "part"): _parts({"brandNew": {"a": 1}}),
    ("gemini_generate_content", "finish reason"): _parts(finishReason="BRAND_NEW"),
    ("gemini_generate_content", "member of a candidate"): _parts(brandNew={"a": 1}),
    ("gemini_generate_content", "member"): {**_parts(), "brandNew": {"a": 1}},
    ("gemini_generate_content", "member of a part"): {
        **_parts(),
        "candidates": [{"content": {"role": "model", "parts": [{"text": WORDS, "brandNew": 1}]}, "finishReason": "STOP", "index": 0}],
    },
    ("gemini_interactions", "step"): _steps({"type": NEW, "a": 1}),
    ("gemini_interactions", "content"): _steps({"type": "model_output", "content": [{"type": NEW, "a": 1}]}),
    ("gemini_interactions", "finish reason"): _steps(status=NEW),
    ("gemini_interactions", "member"): _steps(**{NEW: {"a": 1}}),
    ("gemini_interactions", "service tier"): _steps(service_tier=NEW),
    ("gemini_interactions", "annotation"): _steps(
        steps=[{"type": "model_output", "content": [{"type": "text", "text": WORDS, "annotations": [{"type": NEW, "a": 1}]}]}]
    ),
}


def _between(provider: str, body: Body, *events: Body, behind: str) -> list[Body]:
    """The stream of a reply, with events of another sort behind the first of one sort."""
    stream = list(events_of(provider, body))
    at = next(number for number, event in enumerate(stream) if event.get("type", event.get("event_type")) == behind)
    return [*stream[: at + 1], *events, *stream[at + 1 :]]


_OPEN = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
STREAMS: dict[tuple[str, str], list[Body]] = {
    ("openai_responses", "event"): _between(
        "openai_responses", _output(), {"type": f"response.{NEW}", "a": 1}, behind="response.in_progress"
    ),
    ("openai_responses", "event of an open part"): _between(
        "openai_responses", _output(), {"type": f"response.output_text.{NEW}", **_OPEN}, behind="response.output_text.delta"
    ),
    ("openai_responses", "event of an unknown family"): _between(
        "openai_responses", _output(), {"type": NEW}, behind="response.in_progress"
    ),
    ("anthropic_messages", "event"): _between("anthropic_messages", _content(), {"type": NEW, "a": 1}, behind="content_block_start"),
    ("anthropic_messages", "delta of a text"): _between(
        "anthropic_messages",
        _content(),
        {"type": "content_block_delta", "index": 0, "delta": {"type": f"{NEW}_delta", "a": 1}},
        behind="content_block_start",
    ),
    ("anthropic_messages", "delta of a new block"): _between(
        "anthropic_messages",
        _content({"type": NEW, "a": 1}),
        {"type": "content_block_delta", "index": 0, "delta": {"type": f"{NEW}_delta", "a": 1}},
        behind="content_block_start",
    ),
    ("gemini_interactions", "event"): _between(
        "gemini_interactions", _steps(), {"event_type": f"interaction.{NEW}", "a": 1}, behind="interaction.created"
    ),
    ("gemini_interactions", "delta"): _between(
        "gemini_interactions",
        _steps(),
        {"event_type": "step.delta", "index": 0, "delta": {"type": NEW, "a": 1}},
        behind="step.start",
    ),
    **{(provider, f"{what}, streamed"): list(events_of(provider, body)) for (provider, what), body in REPLIES.items()},
}
