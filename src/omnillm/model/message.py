"""A conversation's messages and their parts: everything that one of the protocols can say inside a turn.

Normal form, which every parser produces and every emitter may rely on: tool calls, reasoning and refusals are parts of an assistant
`Message`, in the order in which the model made them; a `ToolResult` is an item of its own, beside the messages; system text is a
`Message` with the role system or developer. What has no canonical home stays a `Native` part, verbatim.
"""

import enum
from collections.abc import Iterable
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, final

import msgspec

from omnillm.model.media import MediaSource

VendorExtensions = dict[str, Any]
"""JSON values by the names of the protocol that they came from. They return only to that protocol."""


class MessageRole(enum.Enum):
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"

    if not TYPE_CHECKING:
        __hash__ = object.__hash__  # there is one of each; an enum's own hash is a Python function


ROLE_WORDS: Final = {role: role.value for role in MessageRole}
"""Every message's role is written as its word, and an enum's `value` is a Python function."""
SYSTEM_ROLES: Final = frozenset({MessageRole.SYSTEM, MessageRole.DEVELOPER})


class CacheControl(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """The prompt up to and including what bears this mark may be cached."""

    ttl: str = ""
    """As the client wrote it ("5m", "1h", "30m"); "": the provider's default."""


class Issuer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """Who made an opaque value, and can alone read it."""

    protocol: str
    provider: str = ""
    """"" where only the protocol is known: the value came from a client without an envelope of ours."""
    key: str = ""
    """The label of the provider key, where the value is bound to its account."""
    model: str = ""
    ticket: str = ""
    """The gateway's proof that it handed the value to the caller who brings it back; "" outside a gateway."""


class Opaque(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """A signature or ciphertext of a provider: carried verbatim, meaningless to everybody but its issuer."""

    value: str
    issuer: Issuer


class Citation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """Where a piece of text came from."""

    url: str = ""
    title: str = ""
    cited_text: str = ""
    start: int | None = None
    """Where the cited piece begins and ends in the text of its part, in characters."""
    end: int | None = None
    protocol: str = ""
    native: Any = None
    """The citation as `protocol` wrote it; emitted verbatim to that protocol."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type", gc=False):
    cache_control: CacheControl | None = None
    vendor_extensions: VendorExtensions = {}


class Text(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="text"):
    """A run of text."""

    text: str
    citations: tuple[Citation, ...] = ()
    signature: Opaque | None = None
    """Gemini signs answers too."""
    item_id: str = ""
    """Of the Responses item that it stood in; parts with the same id stood in the same item."""


class ImageUrl(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="image_url"):
    """A picture at an address."""

    url: str
    """Never a data: URL: that is an `ImageBase64`."""
    detail: str = ""
    """OpenAI's auto, low, high, original; "" where not said."""
    media_type: str = ""


class ImageBase64(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="image_base64"):
    """Bytes in memory; base64 in JSON."""

    data: bytes
    media_type: str = ""
    detail: str = ""
    signature: Opaque | None = None


class ImageFile(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="image_file"):
    """A picture that a provider keeps under an id."""

    file_id: str
    protocol: str = ""
    detail: str = ""
    media_type: str = ""


class Audio(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="audio"):
    """Sound, in or out. `transcript` and `audio_id` belong to sound that the model made."""

    source: MediaSource | None = None
    """None: earlier output, named by `audio_id` alone."""
    format: str = ""
    """OpenAI's wav, mp3, ...; "" where only a media type is known."""
    transcript: str = ""
    audio_id: str = ""
    expires_at: int | None = None
    signature: Opaque | None = None


class File(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="file"):
    """A PDF or another document."""

    source: MediaSource
    filename: str = ""
    title: str = ""
    context: str = ""
    has_citations: bool | None = None
    """Anthropic: whether the answer is to cite this document."""
    detail: str = ""


class Video(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="video"):
    """A film."""

    source: MediaSource
    metadata: VendorExtensions = {}
    """Gemini's videoMetadata: offsets, frames a second."""


class Json(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="json"):
    """A JSON value: what a tool answered where it was no text (Gemini's functionResponse.response)."""

    value: Any


class ToolCall(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="tool_call"):
    """A tool that the model wants called; a `ToolResult` with its `call_id` answers it."""

    call_id: str
    name: str
    arguments: str = ""
    """The arguments' JSON text, verbatim, valid or not; of a custom tool its input, free text."""
    kind: Literal["function", "custom"] = "function"
    signature: Opaque | None = None
    """Gemini's thoughtSignature on the call."""
    item_id: str = ""
    """The Responses item's own id (fc_...), which is not the call's."""


@final
class ToolResult(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="tool_result"):
    """The answer of the application's tool to one call."""

    parts: ClassVar[tuple["MessagePart", ...]] = ()
    """A message has parts; what a result holds is its `content`."""
    call_id: str
    content: tuple["Text | ImageUrl | ImageBase64 | ImageFile | Audio | File | Video | Json | Native", ...] = ()
    name: str = ""
    """Of the tool; "" where the protocol does not repeat it. Emitters that need it look at the call with this id."""
    is_error: bool | None = None
    kind: Literal["function", "custom"] = "function"
    item_id: str = ""


class Reasoning(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="reasoning"):
    """What the model thought; it goes back to the provider that wrote it."""

    text: str = ""
    """The model's own reasoning, as far as it is shown."""
    summary: tuple[str, ...] = ()
    """Responses: the summary's parts, in place of the reasoning itself."""
    opaque: Opaque | None = None
    """Anthropic's signature, Responses' encrypted_content, Gemini's thoughtSignature."""
    is_redacted: bool = False
    """Anthropic's redacted_thinking: nothing but `opaque`."""
    item_id: str = ""


class Refusal(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="refusal"):
    """Why the model does not answer, in its own words."""

    text: str
    item_id: str = ""


class Native(_Part, frozen=True, kw_only=True, omit_defaults=True, tag="native"):
    """A part that only its own protocol knows: server tools and their traces, compaction, containers. Verbatim."""

    protocol: str
    kind: str
    """The protocol's own word for it: web_search_call, server_tool_use, executableCode."""
    value: Any
    """The JSON value as it came."""


MessagePart = Text | ImageUrl | ImageBase64 | ImageFile | Audio | File | Video | Json | ToolCall | ToolResult | Reasoning | Refusal | Native


@final
class Message(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type", tag="message", gc=False
):
    """What one side says, in parts. `user("...")` makes the commonest; an answer's `message` goes back into `input` as it is."""

    role: MessageRole
    parts: tuple[MessagePart, ...] = ()
    name: str = ""
    """Chat: who of several participants speaks."""
    raw_message: str | None = None
    """A place for the provider's own JSON of this message, where a program wants it kept: no translation fills or reads it."""
    vendor_extensions: VendorExtensions = {}

    @classmethod
    def text(cls, role: MessageRole, text: str) -> "Message":
        """Build a message of one text part."""
        return cls(role=role, parts=(Text(text=text),))

    @property
    def plain_text(self) -> str:
        """The visible text, joined: no reasoning, no refusal."""
        return "".join([part.text for part in self.parts if type(part) is Text])

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if type(part) is ToolCall)


RequestItem = Message | ToolResult


def joined(items: Iterable[RequestItem]) -> list[RequestItem]:
    """Return the items with what one role says in several messages, one after the other, as one message of their parts and extensions."""
    found: list[RequestItem] = []
    for role, said in groupby(items, lambda item: item.role if type(item) is Message else None):
        group = list(said)
        if role is None or len(group) == 1:
            found += group
            continue
        messages = [item for item in group if type(item) is Message]
        extensions: VendorExtensions = {}
        for message in messages:
            extensions.update(message.vendor_extensions)
        parts = tuple(chain.from_iterable(message.parts for message in messages))
        found.append(Message(role=role, parts=parts, vendor_extensions=extensions))
    return found


def lone_words(item: RequestItem) -> str:
    """Return the words of a message that is one text with nothing beside its words, which most are; of all other items ""."""
    if len(item.parts) != 1 or item.name or item.vendor_extensions:
        return ""
    part = item.parts[0]
    if type(part) is not Text or part.cache_control is not None or part.signature is not None:
        return ""
    return "" if part.citations or part.vendor_extensions or part.item_id else part.text
