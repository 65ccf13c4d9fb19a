"""Gemini's programs bring back the signature of a call, and of its thoughts what they like: what was thought survives all of them."""

import json
from typing import Any

import pytest
from tests.journeys.running import VIRTUAL_KEY, Running, Serve
from tests.journeys.wire import JSON, send

from omnillm.testing import FakeProvider

CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, drain: 2s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  anthropic: {{kind: anthropic, base_url: {url}, keys: [{{label: good, key: sk-good}}]}}
  responses: {{kind: openai, protocol: responses, base_url: {url}, keys: [{{label: good, key: sk-good}}]}}
virtual_keys: [{{name: journey, key: {virtual_key}}}]
"""
TOOLS = [{"functionDeclarations": [{"name": "look", "parametersJsonSchema": {"type": "object", "properties": {"at": {"type": "string"}}}}]}]
ASKED = {"role": "user", "parts": [{"text": '[[think]] [[call:look {"at": "pier"}]] Look.'}]}
THOUGHT = "First I look at the lake."


def of_gemini_cli(parts: list[JSON]) -> list[JSON]:
    """No thoughts."""
    return [part for part in parts if not part.get("thought")]


def of_ai_sdk(parts: list[JSON]) -> list[JSON]:
    """Their text in one part, without the signature that came on an empty one."""
    said = "".join([part["text"] for part in parts if part.get("thought")])
    return [{"text": said, "thought": True}, *of_gemini_cli(parts)]


def of_python_sdk(parts: list[JSON]) -> list[JSON]:
    """Every part as it came, bytes in the alphabet for URLs, without padding."""
    signed = [part.get("thoughtSignature", "").translate(str.maketrans("+/", "-_")).rstrip("=") for part in parts]
    return [part | ({"thoughtSignature": value} if value else {}) for part, value in zip(parts, signed, strict=True)]


async def ask(gateway: Running, model: str, contents: list[JSON], *, is_stream: bool = False) -> tuple[list[JSON], str]:
    """The parts of the answer, and what was lost."""
    config = {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2048}, "maxOutputTokens": 8192}
    body = {"contents": contents, "tools": TOOLS, "generationConfig": config}
    method = "streamGenerateContent?alt=sse" if is_stream else "generateContent"
    reply = await send(gateway, "POST", f"/v1beta/models/{model}:{method}", body, dialect="gemini")
    assert reply.status == 200, reply.body
    pieces = reply.events if is_stream else [reply.json]
    said = [part for piece in pieces for part in piece["candidates"][0]["content"].get("parts", ())]
    return said, reply.headers.get("x-omnillm-loss", "")


def thoughts(body: JSON) -> list[Any]:
    """Of a request to a provider: the reasoning that stands directly before its call."""
    if "messages" in body:
        turn = body["messages"][1]["content"]
        return [(block["thinking"], bool(block["signature"])) for block in turn if block["type"] == "thinking"]
    items = [item for item in body["input"] if item.get("type") in {"reasoning", "function_call"}]
    assert [item["type"] for item in items][-1] == "function_call"
    return [(item["summary"][0]["text"], bool(item["encrypted_content"])) for item in items[:-1]]


@pytest.mark.parametrize("model", ["anthropic/fake-small", "responses/fake-small"])
async def test_thoughts_come_back_to_who_signed_them(serve: Serve, provider: FakeProvider, model: str) -> None:
    """Whole and once, whichever program kept the history; the provider checks the signature, and goes on thinking."""
    gateway = await serve(CONFIG.format(url=provider.base_url, virtual_key=VIRTUAL_KEY))
    for kept in (of_gemini_cli, of_ai_sdk, of_python_sdk):
        for is_stream in (False, True):
            parts, _ = await ask(gateway, model, [ASKED], is_stream=is_stream)
            [called] = [part for part in parts if "functionCall" in part]
            answer = {"functionResponse": {"id": called["functionCall"]["id"], "name": "look", "response": {"output": "calm"}}}
            contents = [ASKED, {"role": "model", "parts": kept(parts)}, {"role": "user", "parts": [answer]}]
            _, lost = await ask(gateway, model, contents)
            sent = json.loads(provider.log[-1].body)
            assert thoughts(sent) == [(THOUGHT, True)], (kept.__name__, is_stream, lost)
            assert "capabilities.reasoning," not in f"{lost},".replace(" ", "")
            assert "messages" not in sent or sent["thinking"]["type"] == "enabled"
