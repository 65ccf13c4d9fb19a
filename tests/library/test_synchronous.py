"""`SyncGateway`: the library for scripts, threads and forked workers, without an event loop of theirs."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from types import FrameType

import pytest
from tests.library.calling import CHAT, PRICES

from omnillm import (
    Completed,
    ConfigError,
    EmbeddingRequest,
    Gateway,
    GenerationConfig,
    KeyConfig,
    LedgerUnavailable,
    LlmRequest,
    PriceConfig,
    PrimitiveRequest,
    ProviderEndpoint,
    SyncGateway,
    Unavailable,
    UpstreamLost,
    user,
)
from omnillm.testing import FAULTS, FakeProvider, ThreadedFakeProvider

REQUEST = LlmRequest(model="fake-small", input=(user("Hello"),), generation=GenerationConfig(max_output_tokens=20))


def make(url: str, store: str = "memory://") -> Gateway:
    keys, prices = [KeyConfig(label="a", key="key-a")], {"fake-small": PriceConfig(input="0.4", output="1.6")}
    return Gateway(ProviderEndpoint.openai(url), keys=keys, prices=prices, budget_limit_usd="5.00", store=store)


def upon(function: Callable[..., object], do: Callable[[], object]) -> None:
    """Do it when this thread next calls the function, as a signal's handler or a collection would."""

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is function.__code__:  # type: ignore[attr-defined]
            sys.setprofile(None)
            do()

    sys.setprofile(watch)


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with ThreadedFakeProvider(FakeProvider(prices=PRICES)) as fake:
        yield fake


def test_threads_share_it_and_it_counts_as_ever(provider: FakeProvider) -> None:
    """Calls, streams, other operations and estimates; what is spent is the provider's invoice, and nothing is held."""
    with SyncGateway(lambda: make(provider.base_url)) as gateway:
        with ThreadPoolExecutor(8) as threads:
            assert len({reply.request_id for reply in threads.map(gateway.call, [REQUEST] * 40)}) == 40
        with gateway.stream(REQUEST) as events:
            *told, last = events
        assert told
        assert isinstance(last, Completed)
        assert gateway.primitive_call(PrimitiveRequest.json(CHAT)).usage.completion_tokens == 20
        assert len(gateway.api_call(EmbeddingRequest(model="fake-small", inputs=("one",))).response.vectors) == 1
        spent = gateway.budget_used_usd() * 10**9
        while provider.invoice.total_nanousd < spent:
            pass  # in its own thread, once the reply has gone
        assert spent == provider.invoice.total_nanousd > 0
        with gateway.primitive_stream(PrimitiveRequest.json(CHAT | {"stream": True})) as frames:
            assert isinstance(next(frames).data, bytes), "and it is left there"
        assert gateway.budget_remaining_usd() == Decimal(5) - gateway.budget_used_usd()
        assert [(key.label, key.in_flight) for key in gateway.pool_status()] == [("a", 0)]
        assert Decimal(gateway.estimate(REQUEST).estimated_cost_usd or 0) > 0
        with pytest.raises(RuntimeError, match="not by from_config"):
            gateway.reload()


def test_errors_are_raised_where_the_call_is(provider: FakeProvider) -> None:
    """Those of a call, of its stream, and of a gateway that cannot begin or is not let. One that nobody holds leaves no thread behind."""
    with SyncGateway(lambda: make(provider.base_url)) as gateway:
        provider.enqueue(*[FAULTS["error_after_content"]] * 8)
        with pytest.raises(UpstreamLost), gateway.stream(REQUEST) as events:
            list(events)
        assert gateway.pool_status()[0].in_flight == 0
    with pytest.raises(ConfigError, match="the ledger cannot be kept"):
        SyncGateway(lambda: make(provider.base_url, "sqlite:////nowhere/at/all.db")).call(REQUEST)
    assert SyncGateway(lambda: make(provider.base_url)).pool_status()
    with pytest.raises(TypeError, match=r"make must be a function that makes the gateway, .* not a Gateway"):
        SyncGateway(make(provider.base_url))  # type: ignore[arg-type]
    upon(threading.Event.wait, interrupt)
    with pytest.raises(KeyboardInterrupt):
        SyncGateway(lambda: make(provider.base_url)).begin()
    while any(thread.name == "omnillm" for thread in threading.enumerate()):
        pass


def test_who_does_not_wait_any_longer_hangs_up(provider: FakeProvider, tmp_path: Path) -> None:
    """A call and a stream's next event are given up after `timeout_s`, and settled; the gateway goes on. So is a beginning."""
    with SyncGateway(lambda: make(provider.base_url), timeout_s=0.1) as gateway:
        provider.enqueue(FAULTS["stall_before_head"], FAULTS["stall_mid_body"])
        with pytest.raises(TimeoutError):
            gateway.call(REQUEST)
        with pytest.raises(TimeoutError), gateway.stream(REQUEST) as events:
            list(events)
        assert gateway.pool_status()[0].in_flight == 0
        assert gateway.budget_remaining_usd() == Decimal(5) - gateway.budget_used_usd() < 5
        assert gateway.call(REQUEST).content_text
    store, file = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "omnillm.yaml"
    file.write_text(f"store: {{url: '{store}', wait: 1h}}\nproviders: {{p: {{kind: openai, keys: [{{label: a, key: key-a}}]}}}}\n")
    with SyncGateway(lambda: make(provider.base_url, store)) as writes:
        stands_by = SyncGateway(lambda: Gateway.from_config(file), timeout_s=0.1)
        for ask in (stands_by.budget_used_usd, lambda: stands_by.call(REQUEST)):
            with pytest.raises(TimeoutError):
                ask()
        stands_by.close()
        assert writes.call(REQUEST).content_text


def test_a_reader_that_was_dropped_is_closed_by_whoever_collects_it(provider: FakeProvider) -> None:
    """Even by the loop's own thread, or by one that is just asking."""
    with SyncGateway(lambda: make(provider.base_url), timeout_s=5) as gateway:
        provider.enqueue(FAULTS["stall_mid_body"], FAULTS["stall_mid_body"])
        first, second = opened = [gateway.stream(REQUEST), gateway.stream(REQUEST)]
        assert all(next(each.__enter__()) for each in opened)
        gateway.home()._loop.call_soon_threadsafe(first.gen.close)
        upon(asyncio.run_coroutine_threadsafe, second.gen.close)
        while gateway.pool_status()[0].in_flight:
            pass


def test_a_close_ends_what_is_under_way(provider: FakeProvider) -> None:
    """Who waits is told so, and nothing begins any more; closing again is nothing."""
    gateway = SyncGateway(lambda: make(provider.base_url))
    provider.enqueue(FAULTS["stall_mid_body"], FAULTS["stall_before_head"])
    with ThreadPoolExecutor(1) as threads, gateway.stream(REQUEST) as events:
        assert next(events)
        waiting = threads.submit(gateway.call, REQUEST)
        while len(provider.log) < 2:
            gateway.pool_status()
        gateway.close()
        for ask in (waiting.result, lambda: list(events)):
            with pytest.raises((Unavailable, RuntimeError), match=r"shutting down|closed"):
                ask()
    gateway.close()
    with pytest.raises(RuntimeError, match="closed"):
        gateway.call(REQUEST)


def test_a_signal_may_close_it_in_the_middle_of_an_asking(provider: FakeProvider) -> None:
    """The asking is told so."""
    gateway = SyncGateway(lambda: make(provider.base_url))
    gateway.begin()
    upon(asyncio.run_coroutine_threadsafe, gateway.close)
    with pytest.raises(RuntimeError, match="this gateway is closed"):
        gateway.call(REQUEST)


def test_a_close_that_cannot_write_the_ledger_says_so(provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `Gateway.aclose` does; at the process's end nobody is there to be told, and executors still have to end."""
    keys, store = [KeyConfig(label="a", key="key-a")], f"sqlite:///{tmp_path}/ledger.db"
    gateway = SyncGateway(lambda: Gateway(ProviderEndpoint.openai(provider.base_url), keys=keys, store=store))
    gateway.call(REQUEST)
    for file in tmp_path.iterdir():
        file.unlink()
    gateway.call(REQUEST)
    with pytest.raises(LedgerUnavailable, match="cannot be written"):
        gateway.close()
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    assert gateway._home
    gateway._home.end_last()
    assert [each.exc_type for each in told] == [LedgerUnavailable]


SHARED: dict[str, SyncGateway] = {}


def ask_shared() -> str:
    return SHARED["one"].call(REQUEST).content_text


def test_a_forked_worker_has_its_own(provider: FakeProvider) -> None:
    """Also where the gateway has begun before the fork, or just begins in another thread; the one before goes on."""
    SHARED["one"] = SyncGateway(lambda: make(provider.base_url))
    with SHARED["one"] as gateway:
        assert ask_shared()
        with multiprocessing.get_context("fork").Pool(2) as workers:
            assert all(workers.apply(ask_shared) for _ in range(3))
            workers.close()
            workers.join()  # each ends by itself, its gateway with it
        assert ask_shared()
        assert len(provider.log) == 5
        assert gateway.budget_used_usd() * 10**9 == 2 * 32_800
    parent, begins, may_begin = os.getpid(), threading.Event(), threading.Event()

    def hesitate() -> Gateway:
        if os.getpid() == parent:
            begins.set()
            may_begin.wait()
        return make(provider.base_url)

    SHARED["one"] = SyncGateway(hesitate)
    with ThreadPoolExecutor(1) as threads:
        beginning = threads.submit(SHARED["one"].call, REQUEST)
        begins.wait()
        try:
            with multiprocessing.get_context("fork").Pool(1) as workers:
                assert workers.apply_async(ask_shared).get(10)
                workers.close()
                workers.join()
        finally:
            may_begin.set()
        assert beginning.result().content_text
        SHARED["one"].close()


PROGRAM = """
import os, sys
from tests.library.test_synchronous import REQUEST, SyncGateway, make
gateway = SyncGateway(lambda: make(sys.argv[1], sys.argv[2]))
if sys.argv[3:]:
    gateway.call(REQUEST)
    if os.fork():
        os.wait()
    gateway._make = lambda: make(sys.argv[1], sys.argv[2] + str(os.getpid()))
print(gateway.call(REQUEST).content_text)
"""


@pytest.mark.parametrize("fork", [(), ("fork",)])
def test_a_process_ends_as_usual(provider: FakeProvider, tmp_path: Path, fork: tuple[str, ...]) -> None:
    """Without a word where nobody closed it, also one that was forked from it; the ledger is whole."""
    store = f"sqlite:///{tmp_path}/ledger.db"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, provider.base_url, store, *fork],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("You said: Hello") == len(provider.log) - len(fork)
    with SyncGateway(lambda: make(provider.base_url, store)) as gateway:
        assert gateway.budget_used_usd() > 0
