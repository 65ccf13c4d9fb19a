"""What each protocol supplies to the fake provider, and the values that its functions exchange."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from omnillm.testing.generation import Generation
from omnillm.testing.images import NoImage, images_in

Json = dict[str, Any]
EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
Part = Literal["start", "content", "finish", "terminal"]


class Malformed(Exception):
    """The request is not what the protocol asks for: a 400, with this message and, where the protocol has one for it, a code."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A signature, or an encrypted reasoning, that a request brings back."""

    value: str
    place: str
    """As the protocol's error names it."""


class Wanted(NamedTuple):
    """A call that a marker asks for."""

    name: str
    arguments: Json
    """{}: a sample of what the tool's schema accepts."""


class Markers(NamedTuple):
    """What stands in double brackets."""

    words: frozenset[str] = frozenset()
    calls: tuple[Wanted, ...] = ()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request's body asks for."""

    model: str
    prompt: str
    """The last user text."""
    texts: tuple[str, ...]
    """All text that the model reads."""
    is_stream: bool = False
    wants_usage: bool = True
    max_output: int | None = None
    tier: str = ""
    """The service tier; "": whichever."""
    choices: int = 1
    tools: tuple[Json, ...] = ()
    """`name` and `schema` of each function."""
    must_call: str | None = None
    """The tool that has to be called; "": any of them."""
    markers: Markers = Markers()
    """Of the last thing that the model was told."""
    images: tuple[str, ...] = ()
    """What each of them looks like."""
    schema: Any = None
    """Of the structured output that is asked for."""
    stops: tuple[str, ...] = ()
    """Its stop sequences."""
    refuses_silently: bool = False
    """A refusal has no words in this protocol."""
    wants_seal: bool = True
    """Signed or encrypted reasoning may be shown."""
    seals: tuple[Sealed, ...] = ()
    unsigned: tuple[str, ...] = ()
    """Gemini: the functions whose call in the current turn lacks the signature that newer models demand."""
    previous: str = ""
    """Responses: the response that this request goes on from; Messages: the reply of its thread."""
    calls: frozenset[str] = frozenset()
    """Responses: the calls that the input brings along."""
    answers: tuple[str, ...] = ()
    """Responses: the calls that the input answers without bringing them along."""
    stored: bool = True
    """Responses and Messages: the reply may be referred to."""
    echo: Mapping[str, Any] = {}
    prompt_tokens: int = 0
    """Of the texts, the tools and the images; counted once `read` is done, like the next two."""
    image_tokens: int = 0
    """Of them, those of images, where the protocol tells them apart."""
    tells_media: bool = False


class Piece(msgspec.Struct):
    """One event of a stream, or a whole plain body, and how many output tokens had been generated when it was sent."""

    raw: bytes
    output_tokens: int = 0
    part: Part = "content"


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """An error, before a protocol gives it a form."""

    status: int
    code: str = ""
    message: str = ""
    retry_s: float | None = None
    """For a protocol that puts the hint in the body."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the header fields of a reply tell about a key's limits."""

    request_id: str
    wall: float
    limit: int
    remaining: int
    reset_s: float


class Speaker(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol, as functions."""

    protocol: str
    read: Callable[[Json], Asked]
    """Raises Malformed."""
    whole: Callable[[Generation], Json]
    stream: Callable[[Generation], list[Piece]]
    error: Callable[[Trouble], Json]
    error_events: Callable[[Trouble, Generation, int], bytes]
    """The error in mid-stream, after so many events."""
    fields: Callable[[Standing], dict[str, str]]
    models: Callable[[Iterable[str], int], Json]
    """The list of models, created at that Unix time."""
    counted: Callable[[int], Json]
    """The answer to a question for a prompt's tokens."""
    error_fields: Callable[[Trouble], dict[str, str]] = lambda _trouble: {}
    """Header fields of an error, beside `fields`."""
    reply_fields: Callable[[Generation], dict[str, str]] = lambda _generation: {}
    """Header fields of a whole reply, beside `fields`."""
    stream_type: str = EVENT_STREAM
    """The content type of a stream."""
    tells_media: bool = False
    """Its usage tells tokens of sound and pictures from those of text."""


TEXT_MEMBERS = (
    "text",
    "content",
    "parts",
    "input",
    "output",
    "response",
    "result",
    "arguments",
    "args",
    "functionCall",
    "functionResponse",
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


WORDS = re.compile(r"\[\[(tools?|think|redacted|refuse|json|stop)\]\]")
CALL = re.compile(r"\[\[call:([^\s\]{]+)(?:\]\]| *(?=(\{)))")
JSON = json.JSONDecoder()


def markers_in(text: str) -> Markers:
    """What the prompt asks of the model, as `[[think]]` or `[[call:search {"query": "heron"}]]`."""
    return Markers(frozenset(WORDS.findall(text)), tuple(_calls_in(text)) if "[[call:" in text else ())


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
