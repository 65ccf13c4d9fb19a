"""A fake provider in a thread of its own, for synchronous clients."""

import asyncio
import threading
from concurrent.futures import Future
from types import TracebackType

from omnillm.testing.fake_provider import FakeProvider


class ThreadedFakeProvider:
    """`with ThreadedFakeProvider(FakeProvider(...)) as provider:` serves from another thread. Its log and invoice may be read from any."""

    def __init__(self, provider: FakeProvider) -> None:
        self._provider = provider
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="fake-provider", daemon=True)
        self._serving: Future[asyncio.AbstractEventLoop] = Future()
        self._stop = asyncio.Event()

    async def _serve(self) -> None:
        try:
            await self._provider.listen()
        except OSError as refused:
            self._serving.set_exception(refused)
            return
        self._serving.set_result(asyncio.get_running_loop())
        await self._stop.wait()
        await self._provider.aclose()

    def open_gate(self, name: str) -> None:
        """Lets the stalls of that name go on; safe from any thread."""
        self._serving.result().call_soon_threadsafe(self._provider.gate(name).set)

    def __enter__(self) -> FakeProvider:
        self._thread.start()
        self._serving.result()
        return self._provider

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._serving.result().call_soon_threadsafe(self._stop.set)
        self._thread.join()
