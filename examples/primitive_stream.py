"""A raw stream, event by event, in Anthropic's protocol; and one that the provider cuts. `python examples/primitive_stream.py`.

Frames come as the provider sent them. A frame that reports usage is followed by that usage. `Completed` comes once, last. A stream that
breaks off raises instead, so half an answer is never taken for a whole one.
"""

import asyncio

from omnillm import Completed, Gateway, KeyConfig, PrimitiveRequest, ProviderEndpoint, StreamFrame, StreamUsage, UpstreamLost
from omnillm.testing import FAULTS, FakeProvider

MESSAGE = {"model": "fake-small", "max_tokens": 12, "stream": True, "messages": [{"role": "user", "content": "Count to ten."}]}


async def main() -> None:
    async with (
        FakeProvider() as provider,
        Gateway(ProviderEndpoint.anthropic(provider.base_url), keys=[KeyConfig(label="only", key="sk-any")]) as gateway,
    ):
        await show(gateway)
        provider.enqueue(FAULTS["cut_mid_body"])  # the next reply ends in the middle
        try:
            await show(gateway)
        except UpstreamLost as lost:
            print(f"cut: {lost.code}, after {lost.attempts} attempt: {lost.message}")


async def show(gateway: Gateway) -> None:
    async with gateway.primitive_stream(PrimitiveRequest.json(MESSAGE)) as events:
        async for event in events:
            match event:
                case StreamFrame():
                    print(f"frame      {event.event:20} {event.json().get('delta', {}).get('text', '')}")
                case StreamUsage():
                    print(f"usage      {event.raw_usage.decode()}")
                case Completed():
                    print(f"completed  {event.usage.prompt_tokens} + {event.usage.completion_tokens} tokens")


if __name__ == "__main__":
    asyncio.run(main())
