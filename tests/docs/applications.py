"""The programs of docs/in-your-application.md, each framework's in turn, as it would serve them: prints a line for each."""

import asyncio
import os
import sys
from pathlib import Path

from omnillm.testing import FAULTS, FakeProvider, ThreadedFakeProvider


async def ask(app, *paths: str) -> list[str]:
    """What an ASGI server does: the lifespan, and requests in it."""
    inbox: asyncio.Queue = asyncio.Queue()
    started = asyncio.Event()

    async def told(message) -> None:
        assert message["type"] in {"lifespan.startup.complete", "lifespan.shutdown.complete"}, message
        started.set()

    inbox.put_nowait({"type": "lifespan.startup"})
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, inbox.get, told))
    await started.wait()
    answers = [await get(app, path) for path in paths]
    inbox.put_nowait({"type": "lifespan.shutdown"})
    await life
    return answers


async def get(app, path: str) -> str:
    sent: list[dict] = []
    requests: asyncio.Queue = asyncio.Queue()
    requests.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def send(message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "server": ("app", 80),
        "client": ("c", 1),
    }
    await app(scope, requests.get, send)
    return f"{sent[0]['status']} {b''.join(message.get('body', b'') for message in sent).decode()}"


def use_fastapi(provider: FakeProvider) -> None:
    from fastapi_app import app

    provider.enqueue(None, None, None, FAULTS["status_401"])
    print("fastapi:", *asyncio.run(ask(app, "/word/lakes", "/sync/lakes", "/stream/rivers", "/word/bogs")), sep="\n")


def use_django() -> None:
    from django.conf import settings

    settings.configure(ROOT_URLCONF="django_views", ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50)
    from django_asgi import application

    print("django:", *asyncio.run(ask(application, "/word/lakes", "/sync/lakes")), sep="\n")


def use_flask() -> None:
    from flask_app import app, llm

    client = app.test_client()
    print("flask:", *(client.get("/word/lakes").text for _ in range(2)))
    llm.close()


def use_structured() -> None:
    from structured import lake

    print("structured:", repr(asyncio.run(lake("How deep is it?"))))


def use_celery(provider: FakeProvider) -> None:
    from celery_app import llm, word

    print("celery:", word.apply(args=("lakes",)).get())
    provider.enqueue(FAULTS["status_404"])
    failed = word.apply(args=("lakes",))
    print("celery:", failed.state, failed.result.code, failed.result.status)
    llm.close()


def main(place: str) -> None:
    sys.path.insert(0, place)
    os.environ["OPENAI_API_KEY"] = "sk-test"
    with ThreadedFakeProvider(FakeProvider()) as provider:
        os.environ["OPENAI_BASE_URL"] = provider.base_url
        use_fastapi(provider)
        use_django()
        use_flask()
        use_structured()
        use_celery(provider)


if __name__ == "__main__":
    main(str(Path(sys.argv[1])))
