"""Streaming: a mock provider that sends events at a pace, and clients that read them. Run as programs of their own, on the load's core.

`python -m benchmarks.streams mock PORT EVENTS GAP_MS`
`python -m benchmarks.streams load PORT KEY PROTOCOL STREAMS ROUNDS`: prints how many events were read
`python -m benchmarks.streams hold PORT KEY STREAMS SECONDS`: opens streams, says so in a line, and reads on until the time is over
"""

import asyncio
import sys

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4.1-mini-2025-04-14",'
    b'"service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" word"},'
    b'"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
)
LAST = (
    b'data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4.1-mini-2025-04-14",'
    b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n'
    b'data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4.1-mini-2025-04-14",'
    b'"choices":[],"usage":{"prompt_tokens":219,"completion_tokens":50,"total_tokens":269}}\n\ndata: [DONE]\n\n'
)
PATHS = {"openai_chat": "/v1/chat/completions", "anthropic_messages": "/v1/messages"}
BODIES = {
    "openai_chat": b'{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Say a word."}],"max_tokens":256,"stream":true,'
    b'"stream_options":{"include_usage":true}}',
    "anthropic_messages": b'{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Say a word."}],"max_tokens":256,"stream":true}',
}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def mock(port: int, events: int, gap_s: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(HEAD)
                for _ in range(events):
                    writer.write(chunk(EVENT))
                    await asyncio.sleep(gap_s)
                writer.write(chunk(LAST) + b"0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
    async with asyncio.timeout(1200):
        await server.serve_forever()


def request_of(protocol: str, key: str) -> bytes:
    body = BODIES[protocol]
    return (
        b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer %b\r\n"
        b"content-length: %d\r\n\r\n%b" % (PATHS[protocol].encode(), key.encode(), len(body), body)
    )


async def load(port: int, key: str, protocol: str, streams: int, rounds: int) -> None:
    """Prints how many events were read."""
    request = request_of(protocol, key)

    async def client() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        events = 0
        for _ in range(rounds):
            writer.write(request)
            received = b""
            while not received.endswith(b"0\r\n\r\n"):
                piece = await reader.read(65536)
                if not piece:
                    sys.exit("a stream broke off")
                events += piece.count(b"data: ")
                received = (received + piece)[-16:]
        writer.close()
        return events

    async with asyncio.timeout(300):
        counts = await asyncio.gather(*(client() for _ in range(streams)))
    print(sum(counts))


async def hold(port: int, key: str, streams: int, seconds: float) -> None:
    request = request_of("openai_chat", key)
    opened = 0

    async def client() -> None:
        nonlocal opened
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        if b"200 OK" not in await reader.readuntil(b"\r\n\r\n"):
            sys.exit("a stream was refused")
        opened += 1
        if opened == streams:
            print("open", flush=True)
        while await reader.read(65536):
            pass
        sys.exit("a stream ended early")

    tasks = [asyncio.ensure_future(client()) for _ in range(streams)]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    role, port, *rest = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
    if role == "mock":
        uvloop.run(mock(port, int(rest[0]), float(rest[1]) / 1000))
    elif role == "hold":
        uvloop.run(hold(port, rest[0], int(rest[1]), float(rest[2])))
    else:
        uvloop.run(load(port, rest[0], rest[1], int(rest[2]), int(rest[3])))
