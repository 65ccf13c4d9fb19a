"""Providers that are asked at one whole URL, in each protocol and in both spellings of the configuration."""

import pytest
from openai import AsyncOpenAI
from tests.journeys.running import Serve

from omnillm.testing import FakeProvider

CONFIG = """
server: {{port: 0, auth: none}}
store: {{url: "memory://"}}
providers: {{host: {{{kind}, base_url: "{url}", keys: [{{label: good, key: sk-good}}]}}}}
"""
GEMINI = "/v1beta/models/{model}:{method}"


@pytest.mark.parametrize(
    ("kind", "path", "asked", "query"),
    [
        ("kind: custom, protocol: openai_chat", "/v1/chat/completions?tenant=a", "/v1/chat/completions", "tenant=a"),
        ("kind: custom, protocol: Responses", "/v1/responses", "/v1/responses", ""),
        ("kind: custom, protocol: claude_messages_compat", "/v1/messages", "/v1/messages", ""),
        (
            "kind: custom, protocol: gemini_generate_content, auth: {query: key}",
            GEMINI,
            "/v1beta/models/fake-small:generateContent",
            "key=sk-good",
        ),
        ("kind: openai, protocol: chat_completions_compat", "/v1/chat/completions", "/v1/chat/completions", ""),
        ("kind: openai_compatible, compat: true", "/v1/chat/completions", "/v1/chat/completions", ""),
    ],
)
async def test_a_whole_url_is_asked_as_it_stands(
    provider: FakeProvider, serve: Serve, kind: str, path: str, asked: str, query: str
) -> None:
    """Nothing is appended; only the model and the method are filled in."""
    gateway = await serve(CONFIG.format(kind=kind, url=provider.base_url + path))
    async with AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key="any", max_retries=0) as client:
        messages = [{"role": "user", "content": "How deep is the lake?"}]
        reply = await client.chat.completions.create(model="host/fake-small", messages=messages, max_tokens=20)
    assert "lake" in (reply.choices[0].message.content or "")
    assert (provider.log[0].path, provider.log[0].query) == (asked, query)
