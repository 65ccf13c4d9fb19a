"""Agents ask how long a prompt is before they send it: each in its own protocol, whoever counts."""

import json
from typing import Any

import pytest
from tests.journeys.running import VIRTUAL_KEY, Running, Serve
from tests.journeys.wire import Reply, send

from omnillm.testing import FAULTS, FakeProvider

CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, drain: 2s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  openai: {{kind: openai, base_url: {url}, keys: &keys}}
  anthropic: {{kind: anthropic, base_url: {url}, keys: &keys}}
  gemini: {{kind: gemini, base_url: {url}, keys: &keys}}
  vertex: {{kind: vertex_ai, base_url: "{url}/v1/projects/p/locations/l", keys: &keys}}
  local: {{kind: openai_compatible, base_url: {url}, keys: &keys}}
virtual_keys: [{{name: journey, key: {virtual_key}}}]
""".replace("&keys", "[{{label: good, key: sk-good}}]")
TEXT = "How deep is the lake at the pier?"
SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
COUNTED = {
    "openai": "/v1/responses/input_tokens",
    "anthropic": "/v1/messages/count_tokens",
    "gemini": "/v1beta/models/fake-small:countTokens",
    "vertex": "/v1/projects/p/locations/l/publishers/google/models/fake-small:countTokens",
}
CLAUDE_CODE = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,context-management-2025-06-27,token-counting-2024-11-01",
    "x-app": "cli",
}


def from_claude_code(model: str) -> tuple[str, dict[str, Any]]:
    """As `/context` of Claude Code asks, once for each group of its tools."""
    tools = [{"name": "depth", "description": "Of a lake.", "input_schema": SCHEMA, "eager_input_streaming": True}]
    body = {
        "model": model,
        "messages": [{"role": "user", "content": TEXT}],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": tools,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    return "/v1/messages/count_tokens?beta=true", body


def from_openai(model: str) -> tuple[str, dict[str, Any]]:
    tools = [{"type": "function", "name": "depth", "description": "Of a lake.", "parameters": SCHEMA, "strict": False}]
    return "/v1/responses/input_tokens", {"model": model, "input": TEXT, "instructions": "Be brief.", "tools": tools}


def from_gemini(model: str) -> tuple[str, dict[str, Any]]:
    """A prompt alone, which is all that `google-genai` can ask for."""
    return f"/v1beta/models/{model}:countTokens", {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}


def from_gemini_whole(model: str) -> tuple[str, dict[str, Any]]:
    """A whole generation, as its REST surface takes it."""
    tools = [{"functionDeclarations": [{"name": "depth", "description": "Of a lake.", "parametersJsonSchema": SCHEMA}]}]
    contents = from_gemini(model)[1]["contents"]
    whole = {"model": f"models/{model}", "contents": contents, "systemInstruction": {"parts": [{"text": "Be brief."}]}, "tools": tools}
    return f"/v1beta/models/{model}:countTokens", {"generateContentRequest": whole}


async def count(gateway: Running, path: str, body: dict[str, Any]) -> Reply:
    return await send(gateway, "POST", path, body, headers=CLAUDE_CODE if "messages" in path else None)


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(CONFIG.format(url=provider.base_url, virtual_key=VIRTUAL_KEY))


async def test_whoever_counts_is_asked_in_its_own_words(gateway: Running, provider: FakeProvider) -> None:
    """Each client of each provider: the number stands where its SDK reads it, and tells of the tools and the system text, too."""
    for asked, member in (
        (from_claude_code, "input_tokens"),
        (from_openai, "input_tokens"),
        (from_gemini, "totalTokens"),
        (from_gemini_whole, "totalTokens"),
    ):
        for name, counted in COUNTED.items():
            if name == "vertex" and asked is from_gemini_whole:
                continue  # the client's own words are Vertex AI's to refuse
            reply = await count(gateway, *asked(f"{name}/fake-small"))
            assert (reply.status, provider.log[-1].path) == (200, counted), (asked, name, reply.body)
            least = len(TEXT) // 4 if asked is from_gemini else (len(TEXT) + len(json.dumps(SCHEMA))) // 4
            assert reply.json[member] > least, (asked, name)
    assert not provider.invoice.lines


async def test_a_host_without_a_count_is_named(gateway: Running, provider: FakeProvider) -> None:
    """What speaks Chat alone counts nothing, and nothing is sent to it."""
    reply = await count(gateway, *from_claude_code("local/fake-small"))
    assert (reply.status, reply.json["error"]["message"]) == (400, "the providers of the model 'local/fake-small' have no count_tokens")
    assert not provider.log


async def test_what_is_no_count_is_asked_again(gateway: Running, provider: FakeProvider) -> None:
    """A page of HTML under 200 is a fault like any other, and never a count of nothing."""
    provider.enqueue(FAULTS["html_in_200"])
    reply = await count(gateway, *from_claude_code("gemini/fake-small"))
    assert (reply.status, reply.headers["x-omnillm-attempts"]) == (200, "2")
    assert reply.json["input_tokens"] > len(TEXT) // 4
