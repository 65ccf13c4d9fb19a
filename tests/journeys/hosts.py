"""Hosts of a test's own, for what the fake provider never says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]


@asynccontextmanager
async def hosting(answer: Answer) -> AsyncIterator[str]:
    """A host that meets each connection so; its base URL. It does not wait for connections that are kept."""
    with closing(await asyncio.start_server(answer, "127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def answering(told: bytes, content_type: str, *, is_whole: bool = True) -> AsyncIterator[str]:
    """A host that answers every request with these bytes, in pieces; its base URL. Not whole: it owes one more, and waits."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        size = max(50, len(told) // 20)
        length = len(told) + (not is_whole)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (content_type.encode(), length))
        for at in range(0, len(told), size):
            writer.write(told[at : at + size])
            await writer.drain()
        if not is_whole:
            await reader.read()
        writer.close()

    async with hosting(answer) as url:
        yield url
