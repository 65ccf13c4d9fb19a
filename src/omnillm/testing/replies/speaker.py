"""What each protocol supplies to the fake provider, and the values that its functions exchange."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from omnillm.testing.generation import Generation

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


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call."""

    name: str
    schema: Any
    """Of its arguments."""


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
    tools: tuple[Tool, ...] = ()
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
