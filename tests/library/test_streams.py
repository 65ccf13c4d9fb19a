"""A stream as its reader sees it: whoever stops waiting for an event may ask again, and one task reads at a time."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest
from tests.library.calling import PRICE

from omnillm import Completed, Gateway, KeyConfig, LlmRequest, PrimitiveRequest, ProviderEndpoint, SpeechRequest, user
from omnillm.testing import FakeProvider, Fault

ASKED = LlmRequest(model="fake-small", input=(user("How deep is the lake?"),))
RAW = PrimitiveRequest.json({"model": "fake-small", "messages": [{"role": "user", "content": "Hello"}], "stream": True})
SPOKEN = SpeechRequest(model="fake-small", text="Hello " * 50, voice="v")
LATER = Fault(name="later", action="stall", point="events", after=3)

Opener = Callable[[Gateway], AbstractAsyncContextManager[Any]]


def gateway_to(provider: FakeProvider) -> Gateway:
    return Gateway(ProviderEndpoint.openai(provider.base_url), keys=[KeyConfig(label="a", key="key-a")], prices=PRICE)


def said(events: list[Any]) -> list[Any]:
    """What they say, but for ids."""
    if isinstance(events[0], bytes):
        return [b"".join(events)]
    return [(type(event), getattr(event, "text", len(getattr(event, "data", b"")))) for event in events]


@pytest.mark.parametrize(
    ("opened", "fault"),
    [
        (lambda gateway: gateway.stream(ASKED), LATER),
        (lambda gateway: gateway.primitive_stream(RAW), LATER),
        (lambda gateway: gateway.api_stream(SPOKEN), Fault(name="later", action="stall", point="bytes", after=5000)),
    ],
    ids=["stream", "primitive_stream", "api_stream"],
)
async def test_a_reading_that_was_cancelled_is_taken_up_again(provider: FakeProvider, opened: Opener, fault: Fault) -> None:
    """A timeout for each event, as whoever sends keep-alives has one, loses none of them: no stream ends before its end, in silence.

    Nor does one that is read on where its block was left, by who returned it from there: that is no fault of the provider.
    """
    async with gateway_to(provider) as gateway:
        async with opened(gateway) as events:
            whole = [event async for event in events]
        provider.enqueue(fault)
        async with opened(gateway) as events:
            seen = [await anext(events)]
            for _ in range(3):
                with suppress(TimeoutError):
                    while True:
                        async with asyncio.timeout(0):
                            seen.append(await anext(events))
            assert said(seen) != said(whole)
            provider.gate("later").set()
            seen += [event async for event in events]
        assert [event async for event in events] == []
        async with opened(gateway) as left:
            await anext(left)
        with pytest.raises(RuntimeError, match="inside its block"):
            await anext(left)
    assert said(seen) == said(whole)
    assert isinstance(seen[-1], bytes | Completed)


@pytest.mark.parametrize(
    "opened",
    [lambda gateway: gateway.stream(ASKED), lambda gateway: gateway.primitive_realtime(PrimitiveRequest(model="fake-small"))],
    ids=["stream", "primitive_realtime"],
)
async def test_two_tasks_do_not_read_one_stream(provider: FakeProvider, opened: Opener) -> None:
    """Each would miss what the other reads, or wait for ever: the second is told so, and the first reads on."""
    provider.enqueue(LATER)
    async with gateway_to(provider) as gateway, opened(gateway) as events:

        async def read() -> None:
            async for _ in events:
                pass

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            with pytest.raises(RuntimeError, match="another task is reading"):
                await anext(events)
        assert reading.cancel()
