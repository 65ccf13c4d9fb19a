"""A sender of its own: so many calls a second whether or not answers come, each timed from the moment at which it was due.

So a stall is felt by every call that it delays (no coordinated omission). `python -m benchmarks.open_loop PORT RATE SECONDS KEY` prints the
quantiles in microseconds as JSON.
"""

import asyncio
import json
import sys
import time

import uvloop

BODY = json.dumps(
    {
        "model": "gpt-4.1-mini",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "The quick brown fox jumps over the lazy dog. " * 18},
        ],
        "max_tokens": 256,
    }
).encode()
QUANTILES = (0.5, 0.9, 0.99, 0.999)
WARM_UP = 0.2
"""Share of the calls that come first and are not counted."""


class Client(asyncio.Protocol):
    """One keep-alive connection. `due` is the moment at which the call that it carries should have been sent."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        self._received = b""
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._sender.request)  # type: ignore[attr-defined]  # uvloop's transports are none by inheritance

    def call(self, due: float) -> None:
        self.due = due
        self._transport.write(self._sender.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"a call failed: {self._received[:500]!r}")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._received = b""
            self._sender.answered(self)


class Sender:
    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self.request = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer %b\r\n"
            b"content-length: %d\r\n\r\n%b" % (key.encode(), len(BODY), BODY)
        )
        self._idle: list[Client] = []
        self.took: list[float] = []
        self._expected = sys.maxsize
        self._all_answered = asyncio.Event()
        self._opening: set[asyncio.Task[object]] = set()

    def answered(self, client: Client) -> None:
        self.took.append(time.perf_counter() - client.due)
        self._idle.append(client)
        if len(self.took) == self._expected:
            self._all_answered.set()

    def send(self, due: float) -> None:
        if self._idle:
            self._idle.pop().call(due)
            return
        client = Client(self)
        client.due = due
        task = asyncio.get_running_loop().create_task(asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", self._port))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def run(self, rate: int, seconds: float) -> list[float]:
        self._expected = total = int(rate * seconds)
        began = time.perf_counter()
        for number in range(total):
            due = began + number / rate
            # A timer is a millisecond coarse: it wakes early, and the rest is spent looking at the clock.
            while (left := due - time.perf_counter()) > 0:  # noqa: ASYNC110  no event comes at a moment
                await asyncio.sleep(left - 0.0005 if left > 0.001 else 0)
            self.send(due)
        await self._all_answered.wait()
        return self.took[int(total * WARM_UP) :]


def quantiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {f"p{100 * q:g}": round(ordered[min(int(q * len(ordered)), len(ordered) - 1)] * 1_000_000) for q in QUANTILES}


async def main(port: int, rate: int, seconds: float, key: str) -> None:
    async with asyncio.timeout(seconds + 30):
        took = await Sender(port, key).run(rate, seconds)
    print(json.dumps(quantiles(took)))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
