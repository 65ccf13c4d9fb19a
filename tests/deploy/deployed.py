"""The gateway that `deploy/omnillm.yaml` configures, before a fake provider, with only the ports and the providers' addresses changed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
from tests.docs.pages import ROOT
from tests.ports import free_port

from omnillm.assemble import Service
from omnillm.config.load import parse
from omnillm.config.settings import Settings
from omnillm.testing import FakeProvider

DEPLOY = ROOT / "deploy"
ENV = dict(line.split("=", 1) for line in (DEPLOY / "env.example").read_text().splitlines() if line and not line.startswith("#"))
TEXT = (DEPLOY / "omnillm.yaml").read_text()


class Deployed(msgspec.Struct, frozen=True):
    provider: FakeProvider
    ports: dict[str, int]
    """Free ones, by the names that Kubernetes has for them."""

    async def ask(self, listener: str, path: str, body: object = None, key: str = ENV["OMNILLM_ADMIN_KEY"]) -> tuple[int, str]:
        """Status and body."""
        return await asyncio.to_thread(fetch, f"http://127.0.0.1:{self.ports[listener]}{path}", body, key)


def settings(text: str = TEXT, **env: str) -> Settings:
    return parse(text, ENV | env)


def fetch(url: str, body: object, key: str) -> tuple[int, str]:
    sent = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, sent, {"authorization": f"Bearer {key}"}), timeout=10) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@asynccontextmanager
async def deployed() -> AsyncIterator[Deployed]:
    async with FakeProvider() as provider:
        ports = {"calls": free_port(), "admin": free_port()}
        text = TEXT.replace("0.0.0.0", "127.0.0.1")
        for kind in ("openai", "anthropic"):
            text = text.replace(f"kind: {kind},", f"kind: {kind}, base_url: '{provider.base_url}',")
        for before, after in zip((4000, 4001), ports.values(), strict=True):
            text = text.replace(f"port: {before}", f"port: {after}")
        taken = settings(text, OMNILLM_STORE="memory://")
        service = Service(taken, reload=lambda: taken)
        await service.start()
        try:
            yield Deployed(provider, ports)
        finally:
            await service.server.drain()
            await service.aclose()
