"""Opaque values of other protocols, on their way through a client of this one: in the `encrypted_content` of reasoning items.

Reasoning keeps its own item, also where nothing was signed: clients replay only what has encrypted content. A signature on a tool call
or a text has no item that could bear it, so it gets a reasoning item of its own, without a text. Its envelope says whose it is, for
clients may leave out the ids of items (Codex does). The rule: a carrier stands before the call that it names, or behind it, in the same
turn; the carrier of a text stands behind its message.
"""

from typing import Literal

import msgspec
from msgspec.structs import replace

from omnillm.model.message import Opaque
from omnillm.protocols.envelope import MARK, seal, unseal
from omnillm.protocols.openai_responses.place import NAME

ID_PREFIX = "rs_sig_"
"""With what the ids of carriers begin: for people who read a conversation. Nothing depends on it."""
UNSIGNED = "rs_unsigned"
"""The id of reasoning that another provider did not sign, once it is read: to this protocol it is no reasoning of its own."""
_MARK = MARK.decode()

Purpose = Literal["", "redacted", "shown", "call", "text"]
_PURPOSES = frozenset({"redacted", "shown", "call", "text"})
_ESCAPE = "plain"


class Carried(msgspec.Struct, frozen=True):
    opaque: Opaque
    purpose: Purpose = ""
    """"": it is the reasoning's own. redacted: the whole reasoning. shown: its text stands in the summary. call, text: see `target`."""
    target: str = ""
    """The id of the call, or the number of the text among the parts of its message."""


def pack(opaque: Opaque, purpose: Purpose = "", target: str = "") -> str:
    """Write an opaque value as encrypted content: verbatim where it is this protocol's and the reasoning's own, else in an envelope."""
    if not purpose:
        if opaque.issuer.protocol == NAME:
            return opaque.value
        if opaque.value.partition(" ")[0] not in {*_PURPOSES, _ESCAPE}:
            return seal(opaque)
    return seal(replace(opaque, value=f"{purpose or _ESCAPE} {target} {opaque.value}"))


def unpack(text: str) -> Carried:
    """Read encrypted content that a client brought back."""
    opaque = unseal(text, NAME)
    if not text.startswith(_MARK):
        return Carried(opaque)
    purpose, _, rest = opaque.value.partition(" ")
    if purpose not in _PURPOSES and purpose != _ESCAPE:
        return Carried(opaque)
    target, _, value = rest.partition(" ")
    return Carried(replace(opaque, value=value), "" if purpose == _ESCAPE else purpose, target)  # type: ignore[arg-type]  # checked above
