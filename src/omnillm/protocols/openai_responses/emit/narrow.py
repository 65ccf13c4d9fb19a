"""A body for a host of the Responses API that refuses what it does not know, as Perplexity does: its members alone, items in plain form."""

from collections.abc import Mapping
from typing import Any, Final

from omnillm.protocols.loss import Losses

Json = dict[str, Any]
MEMBERS: Final = frozenset(
    {
        *("model", "models", "preset", "input", "instructions", "language_preference", "max_output_tokens", "max_steps"),
        *("temperature", "top_p", "stream", "stream_options", "reasoning", "response_format", "tools", "tool_choice"),
        *("max_tool_calls", "parallel_tool_calls", "previous_response_id", "background", "metadata", "store", "truncation", "skills"),
    }
)
ITEMS: Final = {
    "message": ("type", "role", "content"),
    "function_call": ("type", "call_id", "name", "arguments"),
    "function_call_output": ("type", "call_id", "output"),
}
PARTS: Final = {"input_text": ("type", "text"), "input_image": ("type", "image_url")}
_TEXTS: Final = {"input_text": "text", "output_text": "text", "refusal": "refusal"}
"""Kinds of parts that are said as text, with the member that holds it."""
TOOLS: Final = {"function": ("type", "name", "description", "parameters", "strict"), "web_search": ("type", "search_context_size")}
EFFORTS: Final = frozenset({"minimal", "low", "medium", "high", "xhigh", "max"})
_UNKNOWN: Final = "this host does not know it"


def narrow(body: Json, losses: Losses) -> Json:
    """`body` is in our own words: every kind of item and part is known."""
    said: Json = {}
    for name, value in body.items():
        if name == "text":
            _write_format(value, said, losses)
        elif name == "reasoning":
            _write_effort(value, said, losses)
        elif name == "tool_choice" and isinstance(value, dict):
            _write_choice(value, said, losses)
        elif name == "tools":
            said[name] = _only(value, TOOLS, losses, name)
        elif name == "input" and isinstance(value, list):
            said[name] = [_plain(item, losses) for item in _only(value, ITEMS, losses, name)]
        elif name in MEMBERS:
            said[name] = value
        else:
            losses.drop(name, _UNKNOWN)
    return said


def _write_format(text: Json, said: Json, losses: Losses) -> None:
    for name, value in text.items():
        if name == "format" and value["type"] == "json_schema":
            said["response_format"] = {"type": "json_schema", "json_schema": {key: value[key] for key in value if key != "type"}}
        else:
            losses.drop(f"text.{name}", _UNKNOWN)


def _write_effort(reasoning: Json, said: Json, losses: Losses) -> None:
    for name, value in reasoning.items():
        if name == "effort" and value in EFFORTS:
            said["reasoning"] = {"effort": value}
        else:
            losses.drop(f"reasoning.{name}", _UNKNOWN)


def _write_choice(choice: Json, said: Json, losses: Losses) -> None:
    if choice["type"] == "function":
        said["tool_choice"] = {"name": choice["name"]}
    elif choice["type"] == "web_search":
        said["tool_choice"] = {"type": "web_search"}
    else:
        losses.drop("tool_choice", _UNKNOWN)


def _only(told: list[Json], known: Mapping[str, tuple[str, ...]], losses: Losses, path: str) -> list[Json]:
    """Of each kind that is known the members that are."""
    kept: list[Json] = []
    for each in told:
        kind = each.get("type", "message")
        if kind not in known:
            losses.drop(f"{path}.{kind}", _UNKNOWN)
            continue
        kept.append({"type": kind} | {name: each[name] for name in known[kind] if name in each})
        for name in each.keys() - {*known[kind], "id", "status", "detail"}:
            losses.drop(f"{path}.{kind}.{name}", _UNKNOWN)
    return kept


def _plain(item: Json, losses: Losses) -> Json:
    """What was said by the model or brought back as one text; what was shown to it in parts that are known."""
    for name in ("content", "output"):
        parts = item.get(name)
        if not isinstance(parts, list):
            continue
        if name == "output" or item["role"] == "assistant":
            texts = [part[_TEXTS[part["type"]]] for part in parts if part["type"] in _TEXTS]
            if len(texts) < len(parts):
                losses.drop(f"input.{name}", "this host takes it as one text only")
            if any(part["type"] == "refusal" for part in parts):
                losses.approximate(f"input.{name}", "a refusal is said as text")
            item[name] = "\n".join(texts)
        else:
            item[name] = _only(parts, PARTS, losses, f"input.{name}")
    return item
