"""How the fake provider reads a request's JSON, in whichever protocol: members, texts, pictures, and what its prompt asks of the model."""

import json
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import msgspec

from omnillm.testing.images import NoImage, images_in
from omnillm.testing.replies.speaker import Json, Malformed, Markers, Wanted
from omnillm.testing.samples import as_json

TEXT_MEMBERS = (
    *("text", "content", "parts", "input", "output", "response", "result", "arguments", "args"),
    *("functionCall", "functionResponse"),
)


def texts_in(node: object) -> Iterator[str]:
    """Every text that stands in a message's members, in order; other media are skipped."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for element in node:
            yield from texts_in(element)
    elif isinstance(node, dict):
        for name in TEXT_MEMBERS:
            if name in node:
                yield from texts_in(node[name])


def last_user_text(messages: object) -> str:
    """The text of the last message that a user wrote, "" without one; a lone string is one."""
    if isinstance(messages, str):
        return messages
    if isinstance(messages, list):
        for message in reversed(messages):
            if isinstance(message, dict) and message.get("role", "user") == "user":
                return " ".join(texts_in(message))
    return ""


def last_results(items: object, member: str, *words: str) -> str:
    """What tools answered, if that is what the model was told last; Claude Code has instructions follow upon it.

    `member` is that of an item which tells by one of the words that it is a result.
    """
    told = [item for item in (items if isinstance(items, list) else ()) if within(item, "role") not in {"system", "developer"}]
    results = list(takewhile(lambda item: within(item, member) in words, reversed(told)))
    texts = " ".join(texts_in(results[::-1]))
    return texts if "[[" in texts or not results else as_json(results)  # members of JSON have any name, and so are no texts


WORDS = re.compile(r"\[\[(tools?|think|redacted|refuse|stop)\]\]")
CALL = re.compile(r"\[\[call:([^\s\]{]+)(?:\]\]| *(?=(\{)))")
ESCAPED = re.compile(r'\\+"')
JSON = json.JSONDecoder()


def markers_in(text: str) -> Markers:
    """What the prompt asks of the model, as `[[think]]` or `[[call:search {"query": "heron"}]]`."""
    if "[[call:" not in text:
        return Markers(frozenset(WORDS.findall(text)))
    calls = tuple(_calls_in(text)) or tuple(_calls_in(ESCAPED.sub('"', text)))  # a result in JSON has them in its strings
    return Markers(frozenset(WORDS.findall(text)), calls)


def _calls_in(text: str) -> Iterator[Wanted]:
    """In their order; a marker within the arguments of another is theirs, and what is no JSON is no marker."""
    end = 0
    while found := CALL.search(text, end):
        end = found.end()
        arguments: Json = {}
        if found[2]:
            try:
                arguments, end = JSON.raw_decode(text, end)
            except ValueError:
                continue
            if not text.startswith("]]", end):
                continue
        yield Wanted(found[1], arguments)


def must_call(choice: object, any_of: str = "required") -> str | None:
    """A tool choice as OpenAI and Anthropic say it."""
    if choice == any_of or within(choice, "type") == any_of:
        return ""
    name = within(choice, "name") or within(choice, "function", "name")
    return name if isinstance(name, str) else None


ANY_JSON: Json = {"type": "object", "properties": {"answer": {"type": "string"}}}
"""Of OpenAI's JSON mode and its like, which have no schema."""


def json_asked(form: object, schema: Any) -> Any:
    """What OpenAI's form of an answer holds the model to: its schema, or any JSON."""
    return ANY_JSON if within(form, "type") == "json_object" else schema


def json_object(raw: bytes) -> Json:
    """A body. Raises Malformed."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise Malformed("We could not parse the JSON body of your request.") from broken
    if not isinstance(body, dict):
        raise Malformed("The body is not a JSON object.")
    return body


def pictured(messages: object) -> tuple[str, ...]:
    try:
        return tuple(images_in(messages))
    except NoImage as broken:
        raise Malformed(str(broken)) from broken


def strings(value: object) -> tuple[str, ...]:
    """A string or a list of them; anything else counts as nothing."""
    listed = value if isinstance(value, list) else [value]
    return tuple([each for each in listed if isinstance(each, str) and each])


def text(value: object) -> str:
    """An optional text; anything else counts as nothing."""
    return value if isinstance(value, str) else ""


def within(node: object, *names: str) -> Any:
    """The member of a member, None where the way ends."""
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    return node


def demand(body: Json, name: str, kind: type) -> Any:
    """A member that must be there and be of that kind."""
    value = body.get(name)
    if not isinstance(value, kind) or value in ("", []):
        raise Malformed(f"{name}: Field required" if name not in body else f"{name}: not a valid {kind.__name__}")
    return value


def objects(value: object, name: str) -> list[Json]:
    """An optional list of objects."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
        raise Malformed(f"{name}: not a list of objects")
    return value


def one_object(value: object, name: str) -> Json:
    """An optional object; {} when it is absent."""
    if value is not None and not isinstance(value, dict):
        raise Malformed(f"{name}: not an object")
    return value or {}


def cap(value: object, name: str, most: int = 1 << 31) -> int | None:
    """An optional count from 1 to `most`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise Malformed(f"{name}: must be an integer from 1 to {most}")
    return value
