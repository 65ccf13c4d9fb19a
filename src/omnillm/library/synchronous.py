"""`SyncGateway`: the gateway for code without an event loop. It lives on one of its own in a thread, which any thread may ask."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, suppress
from decimal import Decimal
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar
from weakref import WeakMethod

from omnillm.library.gateway import Gateway
from omnillm.library.pool import KeyStatus

P = ParamSpec("P")
T = TypeVar("T")


class Home:
    """A gateway, and the thread whose event loop it lives on."""

    def __init__(self, gateway: Gateway, timeout_s: float | None) -> None:
        self.process = os.getpid()
        self.gateway = gateway
        self._timeout_s = timeout_s
        self._lock = threading.RLock()  # a signal's handler, or the collector, may come while its own thread has it
        self._is_over = False
        self._failure: BaseException | None = None
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="omnillm", daemon=True)
        try:
            self._thread.start()
            # `atexit` is too late: the executors have ended by then, and the ledger is closed in one.
            threading._register_atexit(partial(_if_there, WeakMethod(self.end_last)))  # type: ignore[attr-defined]  # noqa: SLF001
        except BaseException:
            self.end_soon()  # who is interrupted meanwhile, or asks while the program ends, has none
            raise

    def _run(self) -> None:
        try:
            with self._runner as runner:
                runner.run(self._live())
        except BaseException as error:  # noqa: BLE001  it is raised by whoever ends this
            self._failure = error

    async def _live(self) -> None:
        await self._end.wait()
        await self.gateway.aclose()

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Wait for the answer; who is interrupted meanwhile hangs up."""
        answer = self._hand(question)
        if answer is None:
            raise RuntimeError("this gateway is closed")
        try:
            return answer.result(self._timeout_s)
        except BaseException:
            answer.cancel()
            raise
        finally:
            del answer  # its error would hold it, and with it whoever asked

    def each(self, events: AsyncIterator[T]) -> Iterator[T]:
        async def step() -> T | None:
            return await anext(events, None)

        while (event := self.ask(step())) is not None:
            yield event

    def leave(self, opened: AbstractAsyncContextManager[Any]) -> None:
        """Close a stream, if the gateway's own end has not. Nobody waits: who collects a reader may be the loop, or hold what it needs."""
        self._hand(opened.__aexit__(None, None, None))

    def _hand(self, work: Coroutine[Any, Any, T]) -> Future[T] | None:
        """Have the loop do it; None: it has ended."""
        with self._lock, suppress(RuntimeError):  # a signal's handler has closed it just now
            if not self._is_over:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        return None

    def end_soon(self) -> None:
        """Whoever waits for an answer is told `shutting_down`. Idempotent; in a forked process nothing."""
        if self._is_over or self.process != os.getpid():
            return
        with self._lock:
            if not self._is_over:
                self._is_over = True
                self._loop.call_soon_threadsafe(self._end.set)

    def end(self) -> BaseException | None:
        """Returns what the end raised."""
        self.end_soon()
        if self.process == os.getpid():
            self._thread.join()
        return self._failure

    def end_last(self) -> None:
        """At the process's end, where a raise would keep the executors from their own."""
        failure = self.end()
        if failure is not None:
            threading.excepthook(threading.ExceptHookArgs((type(failure), failure, failure.__traceback__, self._thread)))


def _if_there(method: "WeakMethod[Callable[[], None]]") -> None:
    """Call a method of what may be gone by then."""
    bound = method()
    if bound is not None:
        bound()


def _blocking(method: Callable[Concatenate[Gateway, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate["SyncGateway", P], T]:
    @wraps(method)
    def call(gateway: "SyncGateway", /, *args: P.args, **kwargs: P.kwargs) -> T:
        home = gateway.home()
        return home.ask(method(home.gateway, *args, **kwargs))

    call.__doc__ = _blocked(method.__doc__)
    return call


def _streaming(
    method: Callable[Concatenate[Gateway, P], AbstractAsyncContextManager[AsyncIterator[T]]],
) -> Callable[Concatenate["SyncGateway", P], AbstractContextManager[Iterator[T]]]:
    @wraps(method)
    @contextmanager
    def stream(gateway: "SyncGateway", /, *args: P.args, **kwargs: P.kwargs) -> Generator[Iterator[T]]:
        home = gateway.home()
        opened = method(home.gateway, *args, **kwargs)
        events = home.ask(opened.__aenter__())
        try:
            yield home.each(events)
        finally:
            home.leave(opened)

    stream.__doc__ = _blocked(method.__doc__)
    return stream


def _blocked(text: str | None) -> str | None:
    """A method's description, as it is without an event loop."""
    return text and text.replace("async ", "")


class SyncGateway:
    """`Gateway`'s methods, blocking: `with SyncGateway(make) as gateway: gateway.call(request)`. Threads may share it.

    `make` makes the gateway, such as `lambda: Gateway.from_config("omnillm.yaml")`. It is called in the process that asks first, and again
    in each that is forked later: a module may hold a `SyncGateway` before a server forks its workers. It is closed with its block, with its
    last reference, or when the main thread ends. `timeout_s` is how long a call (the first with the gateway's beginning), or the next event
    of a stream, is waited for before it is given up with TimeoutError. Live sessions (`Gateway.primitive_realtime`) need an event loop of
    your own.
    """

    _home: Home | None = None

    def __init__(self, make: Callable[[], Gateway], *, timeout_s: float | None = None) -> None:
        if not callable(make):
            raise TypeError(f"make must be a function that makes the gateway, such as lambda: Gateway(...), not a {type(make).__name__}")
        self._make = make
        self._timeout_s = timeout_s
        self._lock = threading.RLock()
        self._is_closed = False
        os.register_at_fork(after_in_child=partial(_if_there, WeakMethod(self._renew)))

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if self._home is not None:
            self._home.end_soon()

    def _renew(self) -> None:
        """In a forked process: who held the lock is not there."""
        self._lock = threading.RLock()

    def home(self) -> Home:
        """Where this process's gateway lives; it is made if there is none."""
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this gateway is closed")
            if self._home is None or self._home.process != os.getpid():
                self._home = Home(self._make(), self._timeout_s)
            return self._home

    def close(self) -> None:
        """Close the gateway for good: calls under way are told Unavailable `shutting_down`, and settled. Idempotent.

        Raises LedgerUnavailable where the last rows cannot be written.
        """
        with self._lock:
            self._is_closed = True
            failure = None if self._home is None else self._home.end()
        if failure is not None:
            raise failure

    begin = _blocking(Gateway.begin)
    reload = _blocking(Gateway.reload)
    call = _blocking(Gateway.call)
    stream = _streaming(Gateway.stream)
    api_call = _blocking(Gateway.api_call)
    api_stream = _streaming(Gateway.api_stream)
    primitive_call = _blocking(Gateway.primitive_call)
    primitive_stream = _streaming(Gateway.primitive_stream)
    primitive_async_job = _blocking(Gateway.primitive_async_job)
    estimate = _blocking(Gateway.estimate)

    def pool_status(self) -> list[KeyStatus]:
        """Every provider key now."""
        return self._told(Gateway.pool_status)

    def budget_used_usd(self) -> Decimal:
        """As `Gateway.budget_used_usd`."""
        return self._told(Gateway.budget_used_usd)

    def budget_remaining_usd(self) -> Decimal | None:
        """As `Gateway.budget_remaining_usd`."""
        return self._told(Gateway.budget_remaining_usd)

    def _told(self, tell: Callable[[Gateway], T]) -> T:
        async def told() -> T:
            await home.gateway.begin()
            return tell(home.gateway)

        home = self.home()
        return home.ask(told())
