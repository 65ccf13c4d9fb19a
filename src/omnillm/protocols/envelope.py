"""Opaque values on their way through a client that speaks another protocol than their issuer.

A provider's signature or ciphertext means something only to its issuer, yet the client must bring it back with the next turn. So a
reply in another protocol carries it in an envelope that names the issuer, at the place where that protocol's clients replay such a value
verbatim (an Anthropic signature, a Responses encrypted_content, a Gemini thoughtSignature). The envelope is standard base64, because
Gemini's clients decode it, and begins with a fixed mark, so that it is found in a body without parsing it. An empty value in it is
no signature: it says only whose the reasoning is that has none, for clients that replay nothing without an opaque value.

Every body is searched for the mark. Such a search skips ahead by up to the mark's length at each letter that the mark does not have: so the
mark is long, and of letters that are rare in prose, code and numbers.
"""

import binascii
from typing import Final

import msgspec

from omnillm.model.message import Issuer, Opaque
from omnillm.protocols.base64_text import decode
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.shapes import Unfit

MARK: Final = b"OMNILLM1SEALEDVALUEFORITSISSUERANDNOBODYELSE"
"""With what every envelope begins: 44 characters of base64, which are 33 whole bytes, the same in the alphabet for URLs, in which
Gemini's clients may write it back, and never escaped in JSON."""
_MARK = MARK.decode()
_MARK_BYTES = binascii.a2b_base64(MARK)


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    value: str
    protocol: str
    provider: str = ""
    key: str = ""
    model: str = ""
    ticket: str = ""


_decode = msgspec.json.Decoder(_Sealed).decode


def seal(opaque: Opaque) -> str:
    """Put an opaque value into an envelope."""
    issuer = opaque.issuer
    sealed = _Sealed(opaque.value, issuer.protocol, issuer.provider, issuer.key, issuer.model, issuer.ticket)
    return binascii.b2a_base64(_MARK_BYTES + msgspec.json.encode(sealed), newline=False).decode()


def unseal(text: str, protocol: str) -> Opaque:
    """Read what a client of `protocol` brought back: the content of an envelope, else a value of that protocol's own."""
    if text.startswith(_MARK):
        try:
            sealed = _decode(decode(text, "")[len(_MARK_BYTES) :])
        except (Unfit, *UNREADABLE):
            return Opaque(value=text, issuer=Issuer(protocol="omnillm"))  # damaged: nobody's any more
        issuer = Issuer(protocol=sealed.protocol, provider=sealed.provider, key=sealed.key, model=sealed.model, ticket=sealed.ticket)
        return Opaque(value=sealed.value, issuer=issuer)
    return Opaque(value=text, issuer=Issuer(protocol=protocol))


def is_readable(opaque: Opaque, protocol: str, provider: str) -> bool:
    """Tell whether a provider that speaks `protocol` can read it."""
    issuer = opaque.issuer
    return bool(opaque.value) and issuer.protocol == protocol and (not issuer.provider or not provider or issuer.provider == provider)
