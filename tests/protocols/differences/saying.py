"""Bodies of clients, said for a provider of another protocol: what it is sent, and what is told as lost."""

import json
from typing import Any

from omnillm.protocols.dialects import Dialect
from omnillm.protocols.transcode import transcode_request
from omnillm.providers.dialects import dialect_of
from omnillm.providers.endpoint import Endpoint

CHAT, RESPONSES, MESSAGES, GEMINI = "openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"
CONVERSE = "bedrock_converse"
HI = {"role": "user", "content": "Hi"}


def said(
    source: str, target: str, body: dict[str, Any], dialect: Dialect | None = None, *, model: str = "m"
) -> tuple[dict[str, Any], dict[str, str]]:
    """The body for the target, and the losses: paths to kinds."""
    report = transcode_request(source, target, json.dumps(body).encode(), model=model, is_stream=False, dialect=dialect)
    return json.loads(report.value), {reason.path: reason.kind for reason in report.loss_reasons}


def spoken_to(host: Endpoint, target: str = CHAT, model: str = "m") -> Dialect:
    """What the host's model takes in the protocol."""
    return dialect_of(host, provider="p", protocol=target, model=model, most_output=0, default_output=9)


def chat(**members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [HI], "max_completion_tokens": 100} | members


def messages(**members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [HI], "max_tokens": 100} | members


def turn(*calls: tuple[str, str]) -> dict[str, Any]:
    """The assistant calls, by (id, name)."""
    functions = [{"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}} for call_id, name in calls]
    return {"role": "assistant", "content": None, "tool_calls": functions}


def result(call_id: str, words: str, **members: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": words, **members}


def marked(words: str, ttl: str = "") -> dict[str, Any]:
    mark = {"mode": "explicit", "ttl": ttl} if ttl else {"mode": "explicit"}
    return {"type": "text", "text": words, "prompt_cache_breakpoint": mark}
