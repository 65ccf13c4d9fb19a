"""How to test a program against a provider that fails on demand. `python examples/fake_provider.py`: no key, no network.

The fake provider listens on a real socket. It keeps a log of what arrived and an invoice of what it would bill.
"""

import asyncio

from omnillm import (
    BudgetExceeded,
    Gateway,
    KeyConfig,
    NoAvailableKey,
    PoolConfig,
    PriceConfig,
    PrimitiveRequest,
    ProviderEndpoint,
    ProviderError,
)
from omnillm.testing import FAULTS, Behaviour, FakeProvider

KEYS = [KeyConfig(label="a", key="sk-a"), KeyConfig(label="b", key="sk-b")]
PRICES = {"fake-small": PriceConfig(input="0.40", output="1.60")}
BILLED = {"fake-small": {"input": 400_000_000, "output": 1_600_000_000}}
CHAT = PrimitiveRequest.json({"model": "fake-small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20})


async def a_fault_is_hidden() -> None:
    """The next two requests fail; the caller sees neither."""
    async with FakeProvider() as provider, Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
        provider.enqueue(FAULTS["status_429"], FAULTS["status_500"])
        reply = await gateway.primitive_call(CHAT)
        assert reply.status == 200
        print("hidden faults:", [each.status for each in provider.log])


async def a_prompt_can_ask_for_a_fault() -> None:
    """The marker works through any client; a provider's own 400 comes back as it was."""
    body = {"model": "fake-small", "messages": [{"role": "user", "content": "[[fault:context_length]]"}]}
    async with FakeProvider() as provider, Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
        try:
            await gateway.primitive_call(PrimitiveRequest.json(body))
        except ProviderError as error:
            print("asked for in the prompt:", error.status, error.code)


async def every_key_is_dead() -> None:
    """No key is left: the caller is told so, and never with a 401 of its own."""
    dead = Behaviour(fault=FAULTS["status_401"])
    async with (
        FakeProvider(keys={"sk-a": dead, "sk-b": dead}) as provider,
        Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, pool=PoolConfig(queue_s=0)) as gateway,
    ):
        try:
            await gateway.primitive_call(CHAT)
        except NoAvailableKey as error:
            print("every key dead:", error.status, [key.state for key in gateway.pool_status()])


async def the_books_agree() -> None:
    """The budget holds, and what it spent is what the provider bills."""
    async with FakeProvider(prices=BILLED) as provider:
        endpoint = ProviderEndpoint.openai(provider.base_url)
        async with Gateway(endpoint, keys=KEYS, budget_limit_usd="0.0005", prices=PRICES) as gateway:
            try:
                for _ in range(1000):
                    await gateway.primitive_call(CHAT)
            except BudgetExceeded as error:
                spent = int(gateway.budget_used_usd() * 10**9)
                assert spent == provider.invoice.total_nanousd
                print(f"{error.code} after {len(provider.log)} calls: spent {spent} nano-USD, invoiced {provider.invoice.total_nanousd}")


async def main() -> None:
    await a_fault_is_hidden()
    await a_prompt_can_ask_for_a_fault()
    await every_key_is_dead()
    await the_books_agree()


if __name__ == "__main__":
    asyncio.run(main())
