"""Two keys as one endpoint: a call, a stream, the pool's state and the budget. `python examples/basic_usage.py`: no key, no network.

A fake provider stands in for the real one, and one of the two keys is dead there. With real keys leave `base_url` and `prices` out.
"""

import asyncio

from omnillm import Completed, Gateway, KeyConfig, PoolConfig, PriceConfig, PrimitiveRequest, ProviderEndpoint, StreamFrame
from omnillm.testing import FAULTS, Behaviour, FakeProvider

KEYS = [
    KeyConfig(label="prod-1", key="sk-dead", rpm=500, tpm=90_000),
    KeyConfig(label="prod-2", key="sk-good", rpm=500, tpm=90_000),
]
PRICES = {"fake-small": PriceConfig(input="0.40", output="1.60")}  # USD per million tokens
CHAT = {"model": "fake-small", "messages": [{"role": "user", "content": "Say something kind about gateways."}], "max_tokens": 40}


async def main() -> None:
    keys = {"sk-dead": Behaviour(fault=FAULTS["status_401"]), "sk-good": Behaviour()}
    async with FakeProvider(keys=keys) as provider:
        await use(provider.base_url)


async def use(base_url: str) -> None:
    async with Gateway(
        ProviderEndpoint.openai(base_url),
        keys=KEYS,
        pool=PoolConfig(selection="priority"),  # the first key that can take the call, in the order above
        budget_limit_usd="5.00",
        prices=PRICES,
    ) as gateway:
        reply = await gateway.primitive_call(PrimitiveRequest.json(CHAT))
        print("reply:", reply.json()["choices"][0]["message"]["content"])
        print(f"key {reply.key}, {reply.attempts} attempts, {reply.usage.total_tokens} tokens, {reply.cost_usd} USD")

        print("stream: ", end="")
        async with gateway.primitive_stream(PrimitiveRequest.json({**CHAT, "stream": True})) as events:
            async for event in events:
                if isinstance(event, StreamFrame) and event.data != b"[DONE]":
                    print(*(choice["delta"].get("content", "") for choice in event.json()["choices"]), sep="", end="")
                elif isinstance(event, Completed):
                    print(f"\ncompleted: {event.usage.total_tokens} tokens, {event.cost_usd} USD")

        for key in gateway.pool_status():
            print(f"{key.label}: {key.state}, {key.rpm_used} of {key.rpm_limit} requests in this minute")
        print(f"budget: {gateway.budget_used_usd()} USD used, {gateway.budget_remaining_usd()} USD left")


if __name__ == "__main__":
    asyncio.run(main())
