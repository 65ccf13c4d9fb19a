"""Streaming: a mock provider that sends events at a pace, and clients that read them. Run as programs of their own, on the load's core.

`python -m benchmarks.streams mock PORT EVENTS GAP_MS` and `python -m benchmarks.streams load PORT KEY STREAMS ROUNDS`.
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
    b'"choices":[],"usage":{"prompt_tokens":219,"completion_tokens":50,"total_tokens":269}}\n\ndata: [DONE]\n\n'
)
BODY = (
    b'{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Say something."}],"max_tokens":256,"stream":true,'
    b'"stream_options":{"include_usage":true}}'
)


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
    async with asyncio.timeout(600):
        await server.serve_forever()


async def load(port: int, key: str, streams: int, rounds: int) -> None:
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer %b\r\n"
        b"content-length: %d\r\n\r\n%b" % (key.encode(), len(BODY), BODY)
    )

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


if __name__ == "__main__":
    role, port = sys.argv[1], int(sys.argv[2])
    if role == "mock":
        uvloop.run(mock(port, int(sys.argv[3]), float(sys.argv[4]) / 1000))
    else:
        uvloop.run(load(port, sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
