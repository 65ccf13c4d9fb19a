"""From a gateway's first use to its end, on its loop: what begins and ends it, and what is told who holds it wrongly."""

import asyncio
import gc
import pickle
from pathlib import Path

import pytest
from tests.library.calling import CHAT, KEYS, PRICE

from omnillm import ConfigError, Gateway, OmniError, PrimitiveRequest, ProviderEndpoint
from omnillm.testing import FakeProvider


def test_a_gateway_serves_one_event_loop() -> None:
    """The one that it was started on; what is asked of it on another is told so, and makes no call."""

    def serve() -> None:
        gateway = Gateway(ProviderEndpoint.openai("http://127.0.0.1:9"), keys=KEYS)
        asyncio.run(gateway.__aenter__())
        request = PrimitiveRequest.json(CHAT)
        for ask in (lambda: gateway.primitive_call(request), gateway.aclose, gateway.__aenter__):
            with pytest.raises(RuntimeError, match=r"another event loop.*asyncio\.run .*run_coroutine_threadsafe"):
                asyncio.run(ask())
        assert [key.in_flight for key in gateway.pool_status()] == [0, 0]

    serve()
    with pytest.warns(ResourceWarning, match="unclosed gateway"):  # which nobody can close any more
        gc.collect()  # the errors' tracebacks hold it


async def step(number: int) -> None:
    """Let the loop go on so often."""
    for _ in range(number):
        await asyncio.sleep(0)


async def has_the_ledger(url: str) -> bool:
    """Whether nobody else holds it."""
    async with Gateway(ProviderEndpoint.openai("http://127.0.0.1:9"), keys=KEYS, store=url) as gateway:
        return gateway.pool_status() != []


@pytest.mark.parametrize("steps", range(5))
async def test_a_close_that_was_cancelled_goes_on(provider: FakeProvider, tmp_path: Path, steps: int) -> None:
    """Wherever it was: the next one waits for its end, and then another gateway has the ledger."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    gateway = Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, prices=PRICE, store=url)
    await gateway.primitive_call(PrimitiveRequest.json(CHAT))
    closing = asyncio.create_task(gateway.aclose())
    await step(steps)
    closing.cancel()
    await asyncio.wait([closing])
    await gateway.aclose()
    assert await has_the_ledger(url)


@pytest.mark.parametrize("steps", range(5))
async def test_a_close_while_it_starts_closes_what_was_started(provider: FakeProvider, tmp_path: Path, steps: int) -> None:
    """The call that started it fails or ends."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    gateway = Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, prices=PRICE, store=url)
    calling = asyncio.create_task(gateway.primitive_call(PrimitiveRequest.json(CHAT)))
    await step(steps)
    await gateway.aclose()
    assert await has_the_ledger(url)
    await asyncio.wait([calling])
    assert isinstance(calling.exception(), OmniError | RuntimeError | None)


@pytest.mark.parametrize("steps", range(1, 5))
async def test_a_block_that_was_cancelled_before_it_began_holds_nothing(tmp_path: Path, steps: int) -> None:
    """Nor does a call that was: the next one finds the gateway started, or starts it."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    entering = asyncio.create_task(has_the_ledger(url))
    await step(steps)
    entering.cancel()
    await asyncio.wait([entering])
    assert entering.cancelled()
    assert await has_the_ledger(url)


def test_a_gateway_wants_the_event_loop_of_asyncio() -> None:
    """On Trio's, or on none, it is told what is missing, in its own words."""
    gateway = Gateway(ProviderEndpoint.openai("http://127.0.0.1:9"), keys=KEYS)
    for ask in (lambda: gateway.primitive_call(PrimitiveRequest.json(CHAT)), gateway.aclose, gateway.__aenter__):
        with pytest.raises(RuntimeError, match="asyncio's event loop, and none is running here"):
            ask().send(None)  # as any other loop would


def test_a_gateway_is_not_handed_to_another_process() -> None:
    """A pool of processes says why, and not that of a secret in it."""
    with pytest.raises(TypeError, match="make one in each worker"):
        pickle.dumps(Gateway(ProviderEndpoint.openai("http://127.0.0.1:9"), keys=KEYS))


async def test_a_gateway_that_nobody_closed_says_so_and_ends(provider: FakeProvider, tmp_path: Path) -> None:
    """With its last reference: where its loop goes on, its connections are closed and its ledger can be had again."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    gateway = Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, prices=PRICE, store=url)
    await gateway.primitive_call(PrimitiveRequest.json(CHAT))
    with pytest.warns(ResourceWarning, match="unclosed gateway.*aclose"):
        del gateway
    async with asyncio.timeout(10):
        await provider.idle()
        while True:
            try:
                assert await has_the_ledger(url)
            except ConfigError:
                continue
            break


async def test_a_gateway_that_was_closed_or_never_began_goes_in_silence(provider: FakeProvider) -> None:
    """Of the one nothing is left, of the other there never was anything."""
    for uses in (False, True):
        gateway = Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, prices=PRICE)
        if uses:
            await gateway.primitive_call(PrimitiveRequest.json(CHAT))
            await gateway.aclose()
        del gateway  # a warning would be an error here
