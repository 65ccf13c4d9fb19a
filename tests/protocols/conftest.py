"""Recorded replies of real providers, where they are present, and a server that gives one answer to whatever it is asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "vercel-ai"


def recordings(provider: str, suffix: str) -> list:
    """Cases, one a file; a single skipped one where the recordings are absent."""
    files = sorted((FIXTURES / provider).glob(f"*{suffix}"))
    absent = pytest.param(None, marks=pytest.mark.skip(reason=f"no recordings in {FIXTURES}"))
    return [pytest.param(file, id=file.name.removesuffix(suffix)) for file in files] or [absent]


@asynccontextmanager
async def _serving(status: int, fields: dict[str, str], body: bytes) -> AsyncIterator[str]:
    head = f"HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        lengths = [int(line.split(b":")[1]) for line in request.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(sum(lengths))
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


@pytest.fixture
def serving() -> Callable[[int, dict[str, str], bytes], Awaitable[str]]:
    """`async with serving(status, headers, body) as base_url`."""
    return _serving
