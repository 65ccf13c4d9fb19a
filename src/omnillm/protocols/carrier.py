"""Opaque values on their way through clients that keep each in an item of its own, and what has to be known of them there.

The envelope says what the value is for: that the reasoning was redacted, or in which member its text stands; or that the item is no
reasoning at all but bears the signature of a call or a text, which has no place for one.
"""

from typing import Literal

import msgspec
from msgspec.structs import replace

from omnillm.model.message import Opaque
from omnillm.protocols.envelope import MARK, seal, unseal

_MARK = MARK.decode()

Purpose = Literal["", "redacted", "shown", "summary", "call", "text"]
_PURPOSES = frozenset({"redacted", "shown", "summary", "call", "text"})
_ESCAPE = "plain"


class Carried(msgspec.Struct, frozen=True):
    opaque: Opaque
    purpose: Purpose = ""
    """"": it is the reasoning's own. redacted: the whole reasoning. shown: its text stands in the summary. summary: and is one.
    call, text: see `target`."""
    target: str = ""
    """The id of the call, or the number of the text among the parts of its message."""


def pack(opaque: Opaque, protocol: str, purpose: Purpose = "", target: str = "") -> str:
    """Write a value for a client of `protocol`: verbatim where it is that protocol's and the reasoning's own, else in an envelope."""
    if not purpose:
        if opaque.issuer.protocol == protocol:
            return opaque.value
        if opaque.value.partition(" ")[0] not in {*_PURPOSES, _ESCAPE}:
            return seal(opaque)
    return seal(replace(opaque, value=f"{purpose or _ESCAPE} {target} {opaque.value}"))


def unpack(text: str, protocol: str) -> Carried:
    """Read what a client of `protocol` brought back."""
    opaque = unseal(text, protocol)
    if not text.startswith(_MARK):
        return Carried(opaque)
    purpose, _, rest = opaque.value.partition(" ")
    if purpose not in _PURPOSES and purpose != _ESCAPE:
        return Carried(opaque)
    target, _, value = rest.partition(" ")
    return Carried(replace(opaque, value=value), "" if purpose == _ESCAPE else purpose, target)  # type: ignore[arg-type]  # checked above
