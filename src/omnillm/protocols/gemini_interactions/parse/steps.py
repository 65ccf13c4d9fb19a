"""Steps, read to canonical parts: of requests, which a client brings, and of replies.

What the model did, step by step, is one message; its calls are answered by items of their own.
"""

from collections.abc import Callable
from typing import Any

from omnillm.model.message import Issuer, Json, MessagePart, Native, Opaque, Reasoning, Text, ToolCall, ToolResult
from omnillm.protocols.differences.arguments import text_of
from omnillm.protocols.gemini_interactions.parse.parts import read_contents
from omnillm.protocols.gemini_interactions.place import NAME
from omnillm.protocols.shapes import mapping, optional_array, optional_flag, optional_mapping, optional_text, rest, text

_THOUGHT = frozenset({"type", "signature", "summary"})
_CALL = frozenset({"type", "id", "name", "arguments", "signature"})
_RESULT = frozenset({"type", "call_id", "name", "result", "is_error"})
_OUTPUT = frozenset({"type", "content"})

Sign = Callable[[str], Opaque]
"""Whose a signature is."""


def issued_by(issuer: Issuer) -> Sign:
    return lambda value: Opaque(value=value, issuer=issuer)


def read_output(step: dict[str, Any]) -> list[MessagePart]:
    """Read what a model said; beside its content there may be an error."""
    parts = read_contents(step.get("content"), "content")
    if more := rest(step, _OUTPUT):
        parts.append(Native(protocol=NAME, kind="model_output", value={"type": "model_output", "content": [], **more}))
    return parts


def read_thought(step: dict[str, Any], opaque: Opaque | None) -> Reasoning:
    texts, others = summary_of(step)
    extensions = rest(step, _THOUGHT)
    if others:
        extensions["summary"] = others
    return Reasoning(text="".join(texts), opaque=opaque, vendor_extensions=extensions)


def summary_of(step: dict[str, Any]) -> tuple[list[str], list[Any]]:
    """Return the texts of a summary, without what is noted beside them, and what is no text (a picture)."""
    texts: list[str] = []
    others: list[Any] = []
    for number, value in enumerate(optional_array(step, "summary")):
        content = mapping(value, f"summary[{number}]")
        if content.get("type") == "text":
            texts.append(text(content.get("text"), f"summary[{number}].text"))
        else:
            others.append(content)
    return texts, others


def read_call(step: dict[str, Any], sign: Sign) -> ToolCall:
    signature = optional_text(step, "signature")
    return ToolCall(
        call_id=text(step.get("id"), "id"),
        name=text(step.get("name"), "name"),
        arguments=text_of(optional_mapping(step, "arguments") or {}),
        signature=sign(signature) if signature else None,
        vendor_extensions=rest(step, _CALL),
    )


def read_result(step: dict[str, Any]) -> ToolResult:
    return ToolResult(
        call_id=text(step.get("call_id"), "call_id"),
        name=optional_text(step, "name"),
        content=_answer(step.get("result")),
        is_error=optional_flag(step, "is_error") or None,
        vendor_extensions=rest(step, _RESULT),
    )


def _answer(result: Any) -> tuple[Any, ...]:
    """Read a text, contents, or any other JSON."""
    if result is None or result == "":
        return ()
    if type(result) is str:
        return (Text(text=result),)
    if type(result) is list and all(type(content) is dict and type(content.get("type")) is str for content in result):
        return tuple(read_contents(result, "result"))
    return (Json(value=result),)


def reply_part(step: Any, issuer: Issuer) -> list[MessagePart]:
    """Read one step of a provider's reply."""
    kind = text(mapping(step, "").get("type"), "type")
    if kind == "model_output":
        return read_output(step)
    if kind == "thought":
        signature = optional_text(step, "signature")
        thought = read_thought(step, Opaque(value=signature, issuer=issuer) if signature else None)
        return [thought] if thought != Reasoning() else []
    if kind == "function_call":
        return [read_call(step, issued_by(issuer))]
    if kind == "function_result":
        return [read_result(step)]
    return [] if kind == "user_input" else [Native(protocol=NAME, kind=kind, value=step)]
