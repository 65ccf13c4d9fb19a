"""A gateway in a script, behind synchronous code, in a web application, in forked workers. `python examples/in_your_program.py`.

A gateway belongs to one event loop of one process. It is made once and used by everybody there; `async with` or `aclose()` ends it.
Synchronous code asks a `SyncGateway`, which has such a loop in a thread. Limits and budgets are a gateway's own: processes that have to
share them share an `omnillm serve` instead.
"""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from multiprocessing import get_context
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from omnillm import Gateway, KeyConfig, LlmRequest, ProviderEndpoint, SyncGateway, user
from omnillm.testing import FakeProvider, ThreadedFakeProvider


def make_gateway(url: str) -> Gateway:
    """Nothing is opened yet: that is done on the loop where it is used first."""
    return Gateway(ProviderEndpoint.openai(url), keys=[KeyConfig(label="prod-1", key="sk-one")], budget_limit_usd="5.00")


def about(topic: str) -> LlmRequest:
    return LlmRequest(model="gpt-4.1-mini", input=(user(f"A word about {topic}."),))


async def script(url: str, topic: str) -> str:
    """A script, a notebook's cell, a command: `asyncio.run(script(...))`, or `await` where a loop runs already."""
    async with make_gateway(url) as gateway:
        return (await gateway.call(about(topic))).content_text


def web_application(url: str) -> Starlette:
    """One gateway for the application's life. FastAPI takes the same `lifespan`."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with make_gateway(url) as app.state.gateway:
            yield

    async def word(request: Request) -> PlainTextResponse:
        reply = await request.app.state.gateway.call(about(request.path_params["topic"]))
        return PlainTextResponse(reply.content_text)

    return Starlette(routes=[Route("/word/{topic}", word)], lifespan=lifespan)


@cache
def worker_gateway(url: str) -> SyncGateway:
    """One for all tasks of a worker process, made after the fork: one for each task would know nothing of the others' limits."""
    return SyncGateway(lambda: make_gateway(url))


def work(url: str, topic: str) -> str:
    """A worker's task (Celery, a pool of processes)."""
    return worker_gateway(url).call(about(topic)).content_text


async def ask_web(app: Starlette, path: str) -> str:
    """What a server would do with one request."""
    sent: list[bytes] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [], "app": app}
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    return b"".join(sent).decode()


def main() -> None:
    with get_context("fork").Pool(2) as workers, ThreadedFakeProvider(FakeProvider()) as provider:
        url = provider.base_url
        print("script: ", asyncio.run(script(url, "scripts")))
        with SyncGateway(lambda: make_gateway(url)) as gateway, ThreadPoolExecutor(2) as threads:
            replies = threads.map(gateway.call, [about("one thread"), about("another")])
            print("threads:", *(reply.content_text for reply in replies), sep="\n  ")
        print("web:    ", asyncio.run(ask_web(web_application(url), "/word/lakes")))
        print("workers:", *workers.starmap(work, [(url, "one process"), (url, "another")]), sep="\n  ")


if __name__ == "__main__":
    main()
