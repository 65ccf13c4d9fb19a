"""Opaque values of other protocols, on their way through a client of this one: in the `encrypted_content` of reasoning items.

Reasoning keeps its own item, also where nothing was signed: clients replay only what has encrypted content. A signature on a tool call
or a text has no item that could bear it, so it gets a reasoning item of its own, without a text. Its envelope says whose it is, for
clients may leave out the ids of items (Codex does). The rule: a carrier stands before the call that it names, or behind it, in the same
turn; the carrier of a text stands behind its message.
"""

from omnillm.model.message import Opaque
from omnillm.protocols import carrier
from omnillm.protocols.carrier import Carried, Purpose
from omnillm.protocols.openai_responses.place import NAME

ID_PREFIX = "rs_sig_"
"""With what the ids of carriers begin: for people who read a conversation. Nothing depends on it."""
UNSIGNED = "rs_unsigned"
"""The id of reasoning that another provider did not sign, once it is read: to this protocol it is no reasoning of its own."""


def pack(opaque: Opaque, purpose: Purpose = "", target: str = "") -> str:
    """Write an opaque value as encrypted content."""
    return carrier.pack(opaque, NAME, purpose, target)


def unpack(text: str) -> Carried:
    """Read encrypted content that a client brought back."""
    return carrier.unpack(text, NAME)
