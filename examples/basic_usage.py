"""Two keys as one endpoint: a call, a stream, the pool's state and the budget. `python examples/basic_usage.py`.

Without OPENAI_API_KEY a fake provider stands in, where the first of the two keys is dead. With it (and OPENAI_API_KEY_2, if you have a
second one) the calls are real, and cost a fraction of a cent.
"""

import asyncio
import os

from omnillm import Completed, Gateway, KeyConfig, PoolConfig, PriceConfig, PrimitiveRequest, ProviderEndpoint, StreamFrame
from omnillm.testing import FAULTS, Behaviour, FakeProvider

SECRETS = [os.environ[name] for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_2") if os.environ.get(name)]
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini") if SECRETS else "fake-small"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Say something kind about gateways."}], "max_tokens": 40}
PRICES = {"fake-small": PriceConfig(input="0.40", output="1.60")}  # USD per million tokens, for what the built-in list does not know


async def main() -> None:
    if SECRETS:
        await use(ProviderEndpoint.openai(), SECRETS)
        return
    fakes = {"sk-dead": Behaviour(fault=FAULTS["status_401"]), "sk-good": Behaviour()}
    async with FakeProvider(keys=fakes) as provider:
        await use(ProviderEndpoint.openai(provider.base_url), list(fakes))


async def use(endpoint: ProviderEndpoint, secrets: list[str]) -> None:
    keys = [KeyConfig(label=f"prod-{number}", key=secret, rpm=500, tpm=90_000) for number, secret in enumerate(secrets, start=1)]
    pool = PoolConfig(selection="priority")  # the first key that can take the call
    async with Gateway(endpoint, keys=keys, pool=pool, budget_limit_usd="5.00", prices=PRICES) as gateway:
        reply = await gateway.primitive_call(PrimitiveRequest.json(CHAT))
        print("reply:", reply.json()["choices"][0]["message"]["content"])
        print(f"key {reply.key}, {reply.attempts} attempts, {reply.usage.total_tokens} tokens, {reply.cost_usd} USD")

        print("stream: ", end="")
        async with gateway.primitive_stream(PrimitiveRequest.json({**CHAT, "stream": True})) as events:
            async for event in events:
                if isinstance(event, StreamFrame) and event.data != b"[DONE]":
                    print(*(choice["delta"].get("content") or "" for choice in event.json()["choices"]), sep="", end="")
                elif isinstance(event, Completed):
                    print(f"\ncompleted: {event.usage.total_tokens} tokens, {event.cost_usd} USD")

        for key in gateway.pool_status():
            print(f"{key.label}: {key.state}, {key.rpm_used} of {key.rpm_limit} requests in this minute")
        print(f"budget: {gateway.budget_used_usd()} USD used, {gateway.budget_remaining_usd()} USD left")


if __name__ == "__main__":
    asyncio.run(main())
