"""What agent programs ask beside their calls, in the shape in which they were seen to ask it."""

import json

import pytest
from tests.journeys.running import VIRTUAL_KEY, Serve
from tests.journeys.wire import ask, exchange, send

from omnillm.testing import Behaviour, FakeProvider

PAIR = "good, key: sk-good}, {label: two, key: sk-two}"
CLAUDE = "anthropic/fake-small: {input: 3, output: 15, max_output: 9000, per_tool: {web_search: 0.01}}"
OTHER_KEY = "sk-omni-other-0123456789abcdef"
CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, drain: 2s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  openai: {{kind: openai, base_url: {url}, keys: [{{label: good, key: sk-good}}]}}
  anthropic: {{kind: anthropic, base_url: {url}, keys: [{{label: good, key: sk-good}}]}}
  responses: {{kind: openai, protocol: responses, base_url: {url}, keys: [{{label: good, key: sk-good}}]}}
models:
  fast: {{targets: [openai/fake-small]}}
  "gemini-*": {{targets: [anthropic/fake-small]}}
budgets: [{{name: everything, limit_usd: 100}}]
pricing: {{overrides: {{responses/fake-small: {{input: 0.4, output: 1.6, max_output: 9000, per_tool: {{web_search: 0.01}}}}}}}}
virtual_keys: [{{name: journey, key: {virtual_key}}}, {{name: other, key: {other_key}, models: [fast, "gemini-2*"]}}]
"""


@pytest.mark.parametrize("models_only", [False, True])
async def test_a_model_that_can_be_asked_can_be_looked_up(serve: Serve, provider: FakeProvider, *, models_only: bool) -> None:
    """LlamaIndex's Gemini looks its model up before the first call: a pattern serves it, or its provider by name, so it is there."""
    text = CONFIG.format(url=provider.base_url, virtual_key=VIRTUAL_KEY, other_key=OTHER_KEY)
    gateway = await serve(text + f"models_only: {str(models_only).lower()}\n")
    other = f"Bearer {OTHER_KEY}"
    for path, fields, name, status in (
        ("/v1beta/models/gemini-2.5-flash", {}, "models/gemini-2.5-flash", 200),
        ("/v1/models/gemini-2.5-flash", {"anthropic-version": "2023-06-01"}, "gemini-2.5-flash", 200),
        ("/v1/models/openai%2Fgpt-unlisted", {}, "openai/gpt-unlisted", 404 if models_only else 200),
        ("/v1/models/gemini-2.5-flash", {"authorization": other}, "gemini-2.5-flash", 200),
        ("/v1/models/gemini-3-pro", {"authorization": other}, "", 404),
        ("/v1/models/openai%2Fgpt-unlisted", {"authorization": other}, "", 404),
        ("/v1/models/fast", {"authorization": other}, "fast", 200),
        ("/v1/models/fasst", {}, "", 404),
        (f"/v1/models/fast?key={VIRTUAL_KEY}", {}, "models/fast", 200),
    ):
        reply = await send(gateway, "GET", path, headers=fields)
        assert reply.status == status, (path, fields, reply.body)
        assert status == 404 or reply.json.get("id", reply.json.get("name")) == name
    assert (await send(gateway, "GET", "/v1/models")).json["data"][0]["id"] == "fast"
    listed = [
        (await send(gateway, "GET", path, headers={"authorization": other, **fields})).json
        for path, fields in (("/v1/models", {}), ("/v1/models", {"anthropic-version": "2023-06-01"}), ("/v1beta/models", {}))
    ]
    claude = {"type": "model", "id": "fast", "display_name": "fast", "created_at": "2023-11-14T22:13:20Z", "lifecycle": "active"}
    methods = ["generateContent", "streamGenerateContent", "countTokens"]
    assert listed == [
        {"object": "list", "data": [{"id": "fast", "object": "model", "created": 1_700_000_000, "owned_by": "omnillm"}]},
        {"data": [claude], "has_more": False, "first_id": "fast", "last_id": "fast"},
        {"models": [{"name": "models/fast", "displayName": "fast", "supportedGenerationMethods": methods}]},
    ], "only what the key may use"


async def test_claude_codes_search_is_bounded_wherever_it_is_done(serve: Serve, provider: FakeProvider) -> None:
    """Its WebSearch is a call of its own, of at most eight searches: OpenAI is told so, and a budget has its bound."""
    gateway = await serve(CONFIG.format(url=provider.base_url, virtual_key=VIRTUAL_KEY, other_key=OTHER_KEY))
    asked = {
        "model": "responses/fake-small",
        "max_tokens": 64000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Perform a web search for the query: herons"}]}],
        "system": [{"type": "text", "text": "You are an assistant for performing a web search tool use"}],
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
        "tool_choice": {"type": "tool", "name": "web_search"},
        "thinking": {"type": "disabled"},
        "stream": True,
    }
    reply = await send(gateway, "POST", "/v1/messages?beta=true", asked, headers={"anthropic-version": "2023-06-01"})
    assert reply.status == 200, reply.body
    assert "moved:capabilities.builtin_tools[0].max_uses" in reply.headers["x-omnillm-loss"]
    assert "approximated:generation.max_output_tokens" in reply.headers["x-omnillm-loss"]
    sent = json.loads(provider.log[-1].body)
    assert (sent["tools"], sent["max_tool_calls"], sent["max_output_tokens"]) == ([{"type": "web_search"}], 8, 9000)


@pytest.mark.parametrize(("model", "cap"), [("responses/fake-small", "max_tool_calls"), ("gemini-2.5-pro", "max_uses")])
async def test_codexs_search_is_capped_under_a_budget(serve: Serve, provider: FakeProvider, model: str, cap: str) -> None:
    """It offers the provider's search in every turn, beside its own tools, and says nowhere how often: the provider is told the configured figure."""
    text = CONFIG.format(url=provider.base_url, virtual_key=VIRTUAL_KEY, other_key=OTHER_KEY).replace(
        "overrides: {", f"overrides: {{{CLAUDE}, "
    )
    gateway = await serve(f"{text}calls: {{default_tool_calls: 3}}\n")
    own = {"type": "function", "name": "shell", "strict": False, "parameters": {"type": "object", "properties": {}}}
    search = {"type": "web_search", "external_web_access": True}
    reply = await exchange(
        gateway.port, ask("openai_responses", "hello", model=model, cap=None, is_stream=True, more={"store": False, "tools": [own, search]})
    )
    assert reply.is_answer, reply.body
    sent = json.loads(provider.log[-1].body)
    tools = {tool.get("type") for tool in sent["tools"]}
    assert sent.get(cap, sent["tools"][-1].get(cap)) == 3
    assert len(tools) == 2
    assert not await gateway.wrong_costs()


@pytest.mark.parametrize("field", ["x-omnillm-session", "x-claude-code-session-id", "session-id", "x-session-id", "session_id"])
async def test_an_agents_own_session_keeps_its_key(serve: Serve, provider: FakeProvider, field: str) -> None:
    """As Claude Code, Codex, opencode and pi name theirs: whoever sends it turn after turn finds the prompt cache that it has filled."""
    provider.script.behave("sk-two", Behaviour())
    text = CONFIG.format(url=provider.base_url, virtual_key=VIRTUAL_KEY, other_key=OTHER_KEY).replace("good, key: sk-good}", PAIR)
    gateway = await serve(f"{text}calls: {{affinity: session}}\n")
    for session in ("a", "b", "c", "d"):
        for turn in range(6):
            reply = await exchange(gateway.port, ask("openai_chat", f"turn {turn}", model="responses/fake-small", headers={field: session}))
            assert reply.is_answer
        assert len({each.key for each in provider.log[-6:]}) == 1
    await gateway.program.store.flush()
    assert {row.session for row in await gateway.program.store.requests(limit=99, before="")} == {"a", "b", "c", "d"}


async def test_claude_codes_clearing_of_thoughts_holds_no_more_budget(serve: Serve, provider: FakeProvider) -> None:
    """It asks for that in every call: were that a compaction, each would hold, and each that is left be charged, the model's whole context."""
    text = CONFIG.format(url=provider.base_url, virtual_key=VIRTUAL_KEY, other_key=OTHER_KEY).replace(
        "overrides: {", f"overrides: {{{CLAUDE}, "
    )
    gateway = await serve(text.replace("limit_usd: 100", "limit_usd: 1"))
    asked = {
        "model": "anthropic/fake-small",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            {"role": "system", "content": "15,000 tokens are left"},
        ],
        "metadata": {"user_id": "u"},
        "max_tokens": 9000,
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
    }
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27"
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": betas}
    reply = await send(gateway, "POST", "/v1/messages?beta=true", asked, headers=headers)
    assert reply.status == 200, reply.body
    assert json.loads(provider.log[-1].body)["context_management"] == asked["context_management"]
