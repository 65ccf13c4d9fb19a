"""Opaque values in `thoughtSignature`: this protocol's own verbatim, all others' in an envelope.

What a thought cannot say of itself stands in the envelope, before the value: that the reasoning was redacted, or that its text is a
summary. `thoughtSignature` is bytes: a value that is no base64 would be refused by the official SDK, and goes into an envelope too.

Google asks its clients to bring back the signature of a step's first call, and says of thoughts that they may be left out: many programs
leave them out, and their signatures with them. So another protocol's reasoning goes with the call that follows it, too, text and all: in
the envelope that is the call's signature. Where the client brings the thought itself back, the copy is not looked at.
"""

import binascii
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.model.message import MessagePart, Opaque, Reasoning, ToolCall
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.envelope import MARK, seal, unseal
from omnillm.protocols.gemini_generate_content.place import NAME

REDACTED = "redacted"
SUMMARY = "summary"
CARRIED = "carried"
"""A call's: the reasoning before it, see `Cargo`."""
_PLAIN = "plain"
_WORDS = frozenset({REDACTED, SUMMARY, CARRIED, _PLAIN})
_MARK = MARK.decode()

UNCHECKED = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Google's documented stand-in for the signature of a call that another model made, as bytes."""
STAND_INS = frozenset(
    {
        UNCHECKED,
        "skip_thought_signature_validator",
        "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
        "context_engineering_is_the_way_to_go",
    }
)


def pack(opaque: Opaque, word: str = "") -> str:
    """Write an opaque value for a client."""
    if not word:
        if opaque.issuer.protocol == NAME and is_base64(opaque.value):
            return opaque.value
        if opaque.value.partition(" ")[0] not in _WORDS:
            return seal(opaque)
    return seal(msgspec.structs.replace(opaque, value=f"{word or _PLAIN} {opaque.value}"))


def unpack(text: str) -> tuple[Opaque, str]:
    """Read what a client brought back: the value, and "redacted", "summary", "carried" or ""."""
    opaque = unseal(text, NAME)
    if not text.startswith(_MARK):
        return opaque, ""
    word, _, value = opaque.value.partition(" ")
    if word not in _WORDS:
        return opaque, ""
    return msgspec.structs.replace(opaque, value=value), "" if word == _PLAIN else word


def is_base64(text: str) -> bool:
    try:
        return bool(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        return False


class _Thought(msgspec.Struct, frozen=True, array_like=True):
    value: str
    """What its issuer signed or encrypted it with."""
    text: str = ""
    summary: tuple[str, ...] = ()
    is_redacted: bool = False


_decode = msgspec.json.Decoder(tuple[_Thought, ...]).decode


class Cargo:
    """What was thought since the last call, of a reply that is being written."""

    __slots__ = ("_opaque", "_thoughts")

    def __init__(self) -> None:
        self._opaque: Opaque | None = None
        self._thoughts: list[_Thought] = []

    def see(self, part: MessagePart, written: dict[str, Any] | None) -> None:
        """Load what was thought; write it on the call that comes next, unless that has a signature.

        Reasoning that nobody signed, or Gemini itself, is not carried.
        """
        if type(part) is Reasoning:
            opaque = part.opaque
            if opaque is not None and opaque.value and opaque.issuer.protocol != NAME:
                self._opaque = opaque
                self._thoughts.append(_Thought(opaque.value, part.text, part.summary, part.is_redacted))
        elif type(part) is ToolCall and self._opaque is not None and written is not None and "thoughtSignature" not in written:
            thoughts = msgspec.json.encode(self._thoughts).decode()
            written["thoughtSignature"] = pack(replace(self._opaque, value=thoughts), CARRIED)
            self._opaque, self._thoughts = None, []


def carried_in(opaque: Opaque) -> tuple[Reasoning, ...]:
    """The reasoning in a call's signature; a client can write anything, so what cannot be read is none."""
    try:
        thoughts = _decode(opaque.value)
    except UNREADABLE:
        return ()
    return tuple(
        Reasoning(text=each.text, summary=each.summary, opaque=replace(opaque, value=each.value), is_redacted=each.is_redacted)
        for each in thoughts
    )


Load = tuple[int, tuple[Reasoning, ...]]
"""Where in its content a call stands, and the reasoning that it carries."""


def with_carried(known: set[str], parts: list[MessagePart], loads: Sequence[Load]) -> list[MessagePart]:
    """The parts of a content, with the reasoning that its calls carry. `known`: the opaque values of the turn, to which these are added.

    It begins them, as it did where it was said; what the client kept of its text before such a call, without a signature, it replaces.
    """
    found: list[MessagePart] = []
    end = 0
    for place, carried in loads:
        missing = [each for each in carried if each.opaque is not None and each.opaque.value not in known]
        if missing:
            known.update(each.opaque.value for each in missing if each.opaque is not None)
            found += missing
            end = place
    return [*found, *(part for part in parts[:end] if type(part) is not Reasoning or part.opaque is not None), *parts[end:]]
