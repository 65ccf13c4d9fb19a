"""The SDKs of OpenAI, Anthropic and Google, each pointed at the gateway. `python examples/sdk_through_server.py`.

Needs the packages openai, anthropic and google-genai. The gateway runs inside this program, as `omnillm serve` would run it. Only the base
URL and the key change for an SDK. Each provider is real when its key is set (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY), else a
fake one.
"""

import asyncio
import os

from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI

from omnillm.assemble import Service, SystemClock
from omnillm.config.load import parse
from omnillm.testing import FakeProvider

TEAM_A_KEY = "sk-omni-team-a-0123456789abcdef"
CONFIG = """
server: {port: 0}                           # 0: a free port
store: {url: "memory://"}
providers:
  openai: {kind: openai, base_url: "${OPENAI_URL}", keys: [{label: o-1, key: "${OPENAI_API_KEY:-sk-openai}"}]}
  anthropic: {kind: anthropic, base_url: "${ANTHROPIC_URL}", keys: [{label: a-1, key: "${ANTHROPIC_API_KEY:-sk-anthropic}"}]}
  gemini: {kind: gemini, base_url: "${GEMINI_URL}", keys: [{label: g-1, key: "${GEMINI_API_KEY:-sk-gemini}"}]}
models:
  fast: {targets: [openai/gpt-4.1-mini]}
  clever: {targets: [anthropic/claude-haiku-4-5]}
  flash: {targets: [gemini/gemini-2.5-flash]}
budgets: [{name: everything, limit_usd: 1, period: day}]
virtual_keys: [{name: team-a, key: "${TEAM_A_KEY}", rpm: 600}]
"""
REAL = {
    "OPENAI": "https://api.openai.com/v1",
    "ANTHROPIC": "https://api.anthropic.com/v1",
    "GEMINI": "https://generativelanguage.googleapis.com/v1beta",
}
PROMPT = "Say something kind about gateways."


async def main() -> None:
    async with FakeProvider(clock=SystemClock()) as provider:
        urls = {f"{name}_URL": url if os.environ.get(f"{name}_API_KEY") else provider.base_url for name, url in REAL.items()}
        settings = parse(CONFIG, {**os.environ, **urls, "TEAM_A_KEY": TEAM_A_KEY})
        service = Service(settings, reload=lambda: settings)
        await service.start()
        try:
            await use(f"http://127.0.0.1:{service.address[1]}")
            [budget] = service.program.controller.budgets()
            print(f"spent: {budget.settled_nanousd} nano-USD, held: {budget.reserved_nanousd}")
        finally:
            await service.server.drain()
            await service.aclose()


async def use(gateway: str) -> None:
    async with AsyncOpenAI(base_url=f"{gateway}/v1", api_key=TEAM_A_KEY) as openai:
        chat = await openai.chat.completions.create(model="fast", messages=[{"role": "user", "content": PROMPT}], max_completion_tokens=40)
        print("openai, chat:     ", chat.choices[0].message.content)
        response = await openai.responses.create(model="fast", input=PROMPT, max_output_tokens=40)
        print("openai, responses:", response.output_text)

    async with (
        AsyncAnthropic(base_url=gateway, api_key=TEAM_A_KEY) as anthropic,
        anthropic.messages.stream(model="clever", max_tokens=40, messages=[{"role": "user", "content": PROMPT}]) as stream,
    ):
        print("anthropic, stream:", "".join([piece async for piece in stream.text_stream]))

    google = genai.Client(api_key=TEAM_A_KEY, http_options=types.HttpOptions(base_url=gateway))
    reply = await google.aio.models.generate_content(model="flash", contents=PROMPT)
    print("google-genai:     ", reply.text)
    await google.aio.aclose()


if __name__ == "__main__":
    asyncio.run(main())
