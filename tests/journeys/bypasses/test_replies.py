"""Past a budget by what a reply says of its usage, or what the client lets it say."""

import json
from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.journeys.bypasses.bypassing import INPUT, OUTPUT, TEXT, WORDS, check_paid, said
from tests.journeys.running import PRICES, Running, Serve, configuration
from tests.journeys.wire import DIALECTS, JSON, ask, exchange

from omnillm.testing import FAULTS, FakeProvider, Fault
from omnillm.usage import NO_USAGE

# B6: what a reply says about its usage


COUNTS = {
    "openai_chat": ("prompt_tokens", "completion_tokens"),
    "openai_responses": ("input_tokens", "output_tokens"),
    "anthropic_messages": ("input_tokens", "output_tokens"),
    "gemini": ("promptTokenCount", "candidatesTokenCount"),
    "gemini_interactions": ("total_input_tokens", "total_output_tokens"),
}
LIES = {
    "negative": -50,
    "zero": 0,
    "text": "50",
    "none": None,
    "a list": [50],
    "2^63": 2**63,
    "1e308": 1e308,
    "-2^63": -(2**63),
    "1.5": 1.5,
}


@pytest.fixture
async def gateway(serve: Serve, fake: FakeProvider) -> Running:
    return await serve(configuration(fake))


@in_turn("name", LIES)
@in_turn("dialect", DIALECTS)
async def test_b6_a_usage_that_lies_makes_no_call_cheaper(gateway: Running, fake: FakeProvider, dialect: str, name: str) -> None:
    """Output below zero, of zero with content, not a number, or beyond all bounds is charged by the bound."""
    prompt, output = COUNTS[dialect]
    fake.enqueue(said(dialect, {prompt: 5, output: LIES[name]}))
    assert (await exchange(gateway.port, ask(dialect, "hello", cap=WORDS))).status == 200
    await gateway.spent()
    request, _ = await gateway.last()
    if name == "1.5":
        assert request.cost_nanousd >= 5 * INPUT + OUTPUT
    else:
        assert request.is_estimated
        assert request.cost_nanousd >= WORDS * OUTPUT


@in_turn("is_stream", [False, True])
@in_turn("dialect", DIALECTS)
async def test_b6_growing_usage_is_not_added_up_and_a_missing_one_is_not_zero(
    serve: Serve, fake: FakeProvider, dialect: str, is_stream: bool
) -> None:
    """Cumulative counts all along a stream are the bill; none at all, or zeros, is the bound."""
    for name, is_exact in (("usage_cumulative", True), ("usage_missing", False), ("usage_zero", False), ("usage_negative", False)):
        fake.invoice.lines.clear()
        gateway = await serve(configuration(fake))
        fake.enqueue(FAULTS[name])
        assert (await exchange(gateway.port, ask(dialect, "hello", is_stream=is_stream))).is_answer
        await check_paid(gateway, fake)
        assert (await gateway.last())[0].is_estimated is not is_exact


def events(*told: JSON | str) -> Fault:
    """A stream of these events, each under its own type's name where it has one."""
    lines = []
    for each in told:
        kind = each.get("type") if isinstance(each, dict) else None
        lines.append((f"event: {kind}\n" if kind else "") + f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n")
    return Fault(http_status=200, body="".join(lines).encode(), fields=(("content-type", "text/event-stream"),))


def delta(text: str | None, finish: str | None = None, **more: Any) -> JSON:
    return {"choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}], **more}


def openai_usage(prompt: int, output: int) -> JSON:
    return {"prompt_tokens": prompt, "completion_tokens": output}


START: JSON = {"type": "message_start", "message": {"id": "m", "role": "assistant", "usage": {"input_tokens": 5, "output_tokens": 2}}}
BLOCK: JSON = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
HERONS: JSON = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}}
STOP: JSON = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
END: JSON = {"type": "message_stop"}
BROKEN: JSON = {"type": "error", "error": {"type": "overloaded_error", "message": "later"}}
SPOKEN: JSON = {
    "type": "response.output_text.delta",
    "output_index": 0,
    "content_index": 0,
    "item_id": "i",
    "delta": TEXT,
    "sequence_number": 1,
}


def answered(kind: str, usage: JSON | None) -> JSON:
    return {"type": f"response.{kind}", "sequence_number": 2, "response": {"id": "resp_1", "status": kind, "usage": usage, "output": []}}


def chunk(text: str = "", finish: str | None = None, usage: JSON | None = None) -> JSON:
    candidate: JSON = {"content": {"parts": [{"text": text}]}} if text else {}
    told = candidate | ({"finishReason": finish} if finish else {})
    return ({"candidates": [told]} if told else {}) | ({"usageMetadata": usage} if usage else {})


WHOLE = 5 * INPUT + WORDS * OUTPUT
STREAMS: dict[str, tuple[str, Fault, bool]] = {
    "chat: usage after the finish": (
        *("openai_chat", events(delta(TEXT), delta(None, "stop"), {"choices": [], "usage": openai_usage(5, WORDS)}, "[DONE]")),
        True,
    ),
    "chat: zeros after the usage": (
        "openai_chat",
        events(delta(TEXT), delta(None, "stop", usage=openai_usage(5, WORDS)), {"choices": [], "usage": openai_usage(0, 0)}, "[DONE]"),
        False,
    ),
    "chat: usage in every chunk": (
        "openai_chat",
        events(delta(TEXT, usage=openai_usage(5, 9)), delta(None, "stop", usage=openai_usage(5, WORDS)), "[DONE]"),
        True,
    ),
    "chat: usage in the error": (
        "openai_chat",
        events(delta(TEXT), {"error": {"message": "later", "code": 500}, "usage": openai_usage(5, WORDS)}),
        True,
    ),
    "chat: small usage, then a break": ("openai_chat", events(delta("a", usage=openai_usage(5, 1)), delta(TEXT)), False),
    "anthropic: the placeholder, then a break": ("anthropic_messages", events(START, BLOCK, HERONS), False),
    "anthropic: the placeholder, then an error": ("anthropic_messages", events(START, BLOCK, HERONS, BROKEN), False),
    "anthropic: the placeholder, then an end without usage": ("anthropic_messages", events(START, BLOCK, HERONS, STOP, END), False),
    "anthropic: cumulative": (
        "anthropic_messages",
        events(START, BLOCK, HERONS, STOP | {"usage": {"output_tokens": 9}}, STOP | {"usage": {"output_tokens": WORDS}}, END),
        True,
    ),
    "responses: failed, with usage": (
        "openai_responses",
        events(SPOKEN, answered("failed", {"input_tokens": 5, "output_tokens": WORDS})),
        True,
    ),
    "responses: completed without usage": ("openai_responses", events(SPOKEN, answered("completed", None)), False),
    "gemini: usage after the finish": (
        "gemini",
        events(chunk(TEXT), chunk(finish="STOP"), chunk(usage={"promptTokenCount": 5, "candidatesTokenCount": WORDS})),
        True,
    ),
    "gemini: the prompt's usage alone": ("gemini", events(chunk(TEXT, "STOP", {"promptTokenCount": 5})), False),
    "gemini: early usage, then a break": (
        *("gemini", events(chunk("a", usage={"promptTokenCount": 5, "candidatesTokenCount": 1}), chunk(TEXT))),
        False,
    ),
}
"""Dialect, what the provider sends of its thirty words, and whether it says what it bills."""


@in_turn("name", STREAMS)
async def test_b6_usage_is_taken_where_it_is_the_last_word_and_bounded_elsewhere(serve: Serve, fake: FakeProvider, name: str) -> None:
    """After the finish, in an error, growing: the last of it. A placeholder, or what was told before a break: not the bill."""
    dialect, stream, is_told = STREAMS[name]
    gateway = await serve(configuration(fake, queue="0s"))
    fake.enqueue(stream)
    await exchange(gateway.port, ask(dialect, "hello", cap=WORDS + 10, is_stream=True))
    await gateway.spent()
    request, attempts = await gateway.last()
    assert (attempts[0].cost_nanousd == WHOLE) if is_told else (attempts[0].cost_nanousd >= WHOLE)
    assert attempts[0].is_estimated is not is_told
    assert request.usage == sum((attempt.usage for attempt in attempts), start=NO_USAGE), "a call has used what its attempts have"


# B7: the client does not want usage


async def test_b7_usage_frame_that_nobody_asked_for_is_withheld(serve: Serve) -> None:
    """Usage is asked for on the client's behalf; of what comes, only its frame is missing."""
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake))
        with_usage = await exchange(
            gateway.port, ask("openai_chat", "hello", is_stream=True, more={"stream_options": {"include_usage": True}})
        )
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake))
        without = await exchange(gateway.port, ask("openai_chat", "hello", is_stream=True))
        assert b'"include_usage":true' in fake.log[0].body
        assert (await gateway.books())[0] == fake.invoice.total_nanousd > 0
    frames = with_usage.body.split(b"\n\n")
    [usage] = [frame for frame in frames if b'"usage":{' in frame]
    assert without.body == b"\n\n".join(frame for frame in frames if frame is not usage)


async def test_b7_client_that_forbids_usage_is_metered_all_the_same(serve: Serve) -> None:
    """`include_usage: false` is the client's wish about what it sees, not about what is counted."""
    async with FakeProvider(prices=PRICES) as fake:
        gateway = await serve(configuration(fake))
        more = {"stream_options": {"include_usage": False, "include_obfuscation": False}}
        reply = await exchange(gateway.port, ask("openai_chat", "hello", is_stream=True, more=more))
        assert reply.is_answer
        assert b'"usage":{' not in reply.body
        assert b'"include_obfuscation":false' in fake.log[0].body
        assert (await gateway.books())[0] == fake.invoice.total_nanousd > 0
        assert not (await gateway.last())[0].is_estimated
