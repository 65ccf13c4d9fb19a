"""A raw stream, event by event, in Anthropic's protocol; and one that the provider cuts. `python examples/primitive_stream.py`.

Frames come as the provider sent them. A frame that reports usage is followed by that usage. `Completed` comes once, last. A stream that
breaks off raises instead, so half an answer is never taken for a whole one. With ANTHROPIC_API_KEY the first stream is a real one.
"""

import asyncio
import os

from omnillm import Completed, Gateway, KeyConfig, PrimitiveRequest, ProviderEndpoint, StreamFrame, StreamUsage, UpstreamLost
from omnillm.testing import FAULTS, FakeProvider

SECRET = os.environ.get("ANTHROPIC_API_KEY", "")
MODEL = os.environ.get("ANTHROPIC_MODEL", "claude-haiku-4-5")


async def main() -> None:
    async with FakeProvider() as provider:
        fake = Gateway(ProviderEndpoint.anthropic(provider.base_url), keys=[KeyConfig(label="only", key="sk-any")])
        real = Gateway(ProviderEndpoint.anthropic(), keys=[KeyConfig(label="only", key=SECRET)]) if SECRET else fake
        async with fake, real:
            await show(real, MODEL if SECRET else "fake-small")
            provider.enqueue(FAULTS["cut_mid_body"])  # the next reply of the fake one ends in the middle
            try:
                await show(fake, "fake-small")
            except UpstreamLost as lost:
                print(f"cut: {lost.code}, after {lost.attempts} attempt: {lost.message}")


async def show(gateway: Gateway, model: str) -> None:
    body = {"model": model, "max_tokens": 12, "stream": True, "messages": [{"role": "user", "content": "Count to ten."}]}
    async with gateway.primitive_stream(PrimitiveRequest.json(body)) as events:
        async for event in events:
            match event:
                case StreamFrame():
                    print(f"frame      {event.event:20} {event.json().get('delta', {}).get('text', '') if event.data else ''}")
                case StreamUsage():
                    print(f"usage      {event.raw_usage.decode()}")
                case Completed():
                    print(f"completed  {event.usage.prompt_tokens} + {event.usage.completion_tokens} tokens")


if __name__ == "__main__":
    asyncio.run(main())
