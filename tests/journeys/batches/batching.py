"""What the tests of batches share: a library's gateway, batches of it, and what their provider tells."""

import json
from typing import Any

from omnillm import Gateway, KeyConfig, PriceConfig, PrimitiveForm, PrimitiveJob, PrimitiveRequest, ProviderEndpoint
from omnillm.testing import FakeProvider

KEYS = [KeyConfig(label="a", key="key-a"), KeyConfig(label="b", key="key-b")]
PRICE = {"fake-small": PriceConfig(input="0.4", output="1.6", max_output=1000)}
CHAT = {"model": "fake-small", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]}
USED = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7, "total_tokens": 12}
COST = 5 * 400 + 7 * 1600
"""Without figures of its own the batch tier is charged as the standard one."""


def line(**changed: Any) -> bytes:
    return json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": CHAT} | changed).encode()


def gateway(provider: FakeProvider, kind: str = "openai", *, limit: str = "1", store: str = "memory://") -> Gateway:
    endpoint = ProviderEndpoint(kind=kind, base_url=provider.base_url)
    return Gateway(endpoint, keys=KEYS, budget_limit_usd=limit, prices=PRICE, store=store)


async def uploaded(gateway: Gateway, content: bytes) -> str:
    form = PrimitiveForm(file=content, filename="in.jsonl", fields={"purpose": "batch"})
    return (await gateway.primitive_call(PrimitiveRequest(path="/v1/files", body=form))).json()["id"]


def of_file(file: str) -> PrimitiveRequest:
    return PrimitiveRequest.json(
        {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}, path="/v1/batches"
    )


def inline(*models: str) -> PrimitiveRequest:
    requests = [{"custom_id": str(place), "params": {**CHAT, "model": model}} for place, model in enumerate(models)]
    return PrimitiveRequest.json({"requests": requests}, path="/v1/messages/batches")


def spent(gateway: Gateway) -> int:
    return int(gateway.budget_used_usd() * 10**9)


async def is_proven(gateway: Gateway) -> bool:
    return await gateway._program.store.verify() == []


def tell(provider: FakeProvider, kind: str, name: str, *, content: bytes | None = None, **told: Any) -> None:
    """What the provider says of an object from now on, whichever key has it."""
    found = [kept for key in ("key-a", "key-b") if (kept := provider.shelf(key).find(kind, name)) is not None]
    assert len(found) == 1
    found[0].told |= told
    if content is not None:
        found[0].content = content


async def made_of_file(program: Gateway, provider: FakeProvider, *lines: bytes) -> PrimitiveJob:
    """A batch that is still running."""
    made = await program.primitive_async_job(of_file(await uploaded(program, b"\n".join(lines))))
    tell(provider, "batches", made.id, status="in_progress")
    return made
