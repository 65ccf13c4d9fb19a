"""Opaque values in `thoughtSignature`: this protocol's own verbatim, all others' in an envelope.

What a thought cannot say of itself stands in the envelope, before the value: that the reasoning was redacted, or that its text is a
summary. `thoughtSignature` is bytes: a value that is no base64 would be refused by the official SDK, and goes into an envelope too.
"""

import binascii

import msgspec

from omnillm.model.message import Opaque
from omnillm.protocols.envelope import MARK, seal, unseal
from omnillm.protocols.gemini_generate_content.place import NAME

REDACTED = "redacted"
SUMMARY = "summary"
CARRIED = "carried"
"""A call's: the reasoning before it, see `carried.py`."""
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
