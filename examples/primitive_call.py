"""A raw call in each protocol: the body goes out as it is and the reply comes as it came. `python examples/primitive_call.py`.

Each provider is real when its key is set (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY), else a fake one.
"""

import asyncio
import os
from typing import Any

from omnillm import Gateway, KeyConfig, PrimitiveRequest, ProviderEndpoint, ProviderError
from omnillm.testing import FakeProvider

PROMPT = "Say something kind about gateways."
MESSAGES = [{"role": "user", "content": PROMPT}]


async def main() -> None:
    async with FakeProvider() as provider:
        endpoint, key, model = place("OPENAI", ProviderEndpoint.openai, "gpt-4.1-mini", provider)
        async with Gateway(endpoint, keys=[key]) as openai:
            await show(openai, "chat", {"model": model, "messages": MESSAGES, "max_tokens": 40})
            await show(openai, "responses", {"model": model, "input": PROMPT, "max_output_tokens": 40}, protocol="responses")
            try:
                await openai.primitive_call(PrimitiveRequest.json({"model": model, "messages": [], "max_tokens": 40}))
            except ProviderError as error:  # the provider's own refusal, as it came
                print(f"refused   {error.status} {error.code}: {error.raw_body.decode()[:40]!r}...")

        endpoint, key, model = place("ANTHROPIC", ProviderEndpoint.anthropic, "claude-haiku-4-5", provider)
        async with Gateway(endpoint, keys=[key]) as anthropic:
            body = {"model": model, "max_tokens": 40, "messages": MESSAGES}
            await show(anthropic, "messages", body, headers={"anthropic-version": "2023-06-01"})
            count = PrimitiveRequest(body=PrimitiveRequest.json({"model": model, "messages": MESSAGES}).body, operation="count_tokens")
            print("counted  ", (await anthropic.primitive_call(count)).json())

        endpoint, key, model = place("GEMINI", ProviderEndpoint.gemini, "gemini-2.5-flash", provider)
        async with Gateway(endpoint, keys=[key]) as gemini:  # its bodies name no model
            await show(gemini, "gemini", {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}, model=model)


def place(name: str, endpoint: Any, model: str, provider: FakeProvider) -> tuple[ProviderEndpoint, KeyConfig, str]:
    """The real provider of that name, or the fake one."""
    secret = os.environ.get(f"{name}_API_KEY")
    if secret:
        return endpoint(), KeyConfig(label="only", key=secret), os.environ.get(f"{name}_MODEL", model)
    return endpoint(provider.base_url), KeyConfig(label="only", key="sk-any"), "fake-small"


async def show(gateway: Gateway, name: str, body: dict[str, Any], *, headers: dict[str, str] | None = None, **more: str) -> None:
    request = PrimitiveRequest.json(body, **more).with_headers(headers or {})
    reply = await gateway.primitive_call(request)
    usage = reply.usage
    print(f"{name:9} {reply.status}, {usage.prompt_tokens} + {usage.completion_tokens} tokens, {sorted(reply.json())[:3]}")


if __name__ == "__main__":
    asyncio.run(main())
