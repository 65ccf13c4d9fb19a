"""How much a model will read: the bytes of text, which are an upper bound of its tokens; and where base64 can stand that is no text."""

from typing import Any

import msgspec

from omnillm.protocols.protocol import Members

_FREE_FORM = frozenset(
    {"input", "args", "arguments", "response", "parameters", "parameters_json_schema", "parametersJsonSchema", "input_schema", "action"}
)
"""Values below these names are the application's own objects, which the model reads as text whatever they look like."""


def text_bytes(members: Members, skip: frozenset[str]) -> int:
    """UTF-8 bytes of what the model reads of a body: of all members but those in `skip`, which configure and are not read.

    JSON text is never shorter than the UTF-8 it stands for (an escape is at least as long as its character), so the length of
    the members as they came is an upper bound, without decoding anything. Media are not told apart: take off what stands for them.
    """
    total = 0
    for name, raw in members.items():
        if name not in skip:
            total += len(raw)
    return total


def may_hold(raw: bytes, *words: bytes) -> bool:
    """Whether one of these words can stand in a JSON text, be it spelt with escapes."""
    for word in words:
        if raw.rfind(word) >= 0:  # which takes CPython less than half as long as `find` or `in`
            return True
    return raw.rfind(b"\\u00") >= 0


def content_parts(conversation: msgspec.Raw) -> list[dict[str, Any]]:
    """Every object of a conversation that can be one of its items or content parts, in no order; none if it is not JSON.

    Objects inside free-form values (the input of a tool) are not parts: a model reads them as text.
    """
    try:
        items = msgspec.json.decode(conversation)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    pending: list[Any] = [items]
    parts: list[dict[str, Any]] = []
    while pending:
        value = pending.pop()
        kind = type(value)
        if kind is dict:
            parts.append(value)
            pending += [inner for name, inner in value.items() if (type(inner) is dict or type(inner) is list) and name not in _FREE_FORM]
        elif kind is list:
            pending += [inner for inner in value if type(inner) is dict or type(inner) is list]
    return parts
