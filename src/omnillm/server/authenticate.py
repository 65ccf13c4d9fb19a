"""Who is calling: a secret, wherever its SDK puts it, becomes a `Caller` before a body byte is taken."""

import hmac
from collections.abc import Mapping
from hashlib import blake2b
from urllib.parse import parse_qs, urlsplit

from omnillm.config.checks import is_loopback
from omnillm.errors import Forbidden, Unauthenticated
from omnillm.gateway.call import Caller

MOST_PARAMETERS = 100
_HEADERS = (b"x-api-key", b"x-goog-api-key", b"api-key")


def presented_secret(headers: Mapping[bytes, bytes], query: str) -> bytes:
    """The credential of a request, b"" when it bears none."""
    authorization = headers.get(b"authorization")
    if authorization is not None and authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip()
    for name in _HEADERS:
        if name in headers:
            return headers[name]
    return parameter(query, "key").encode() if "key=" in query else b""


def parameter(query: str, name: str) -> str:
    """Of a query. "" also where it has more than any client sends: anybody may ask, and reading a thousand takes a millisecond."""
    try:
        return parse_qs(query, max_num_fields=MOST_PARAMETERS).get(name, [""])[0]
    except ValueError:
        return ""


class Authenticator:
    """Holds only keyed digests of virtual keys. Nobody can tell a secret that is unknown from one that is wrong."""

    def __init__(self, callers: Mapping[bytes, Caller], *, pepper: bytes, anonymous: Caller | None) -> None:
        """`callers` by `digest(pepper, secret)`, and they may change while this looks at them.

        `anonymous`: who a request without a credential is (auth: none), None: nobody.
        """
        self._callers = callers
        self._pepper = pepper
        self._anonymous = anonymous

    def credential(self, headers: Mapping[bytes, bytes], query: str) -> bytes:
        """The digest of what a request bears, b"" when it bears nothing. Unauthenticated: it bears a signature, which nobody can check."""
        secret = presented_secret(headers, query)
        if not secret and self._anonymous is None and headers.get(b"authorization", b"").startswith(_SIGNATURE):
            raise Unauthenticated(_SIGNED)
        return digest(self._pepper, secret) if secret else b""

    def authenticate(self, headers: Mapping[bytes, bytes], query: str, wall: float) -> Caller:
        return self.recognise(self.credential(headers, query), wall)

    def recognise(self, credential: bytes, wall: float) -> Caller:
        """Whose digest it is now."""
        # A digest keyed with the pepper is looked up, so the time of the look-up tells nothing about any secret.
        caller = self._callers.get(credential)
        if caller is None:
            if self._anonymous is not None:
                return self._anonymous
            raise Unauthenticated(_MISSING if not credential else _UNKNOWN)
        return _unexpired(caller, wall)

    def is_current(self, caller: Caller, credential: bytes, wall: float) -> bool:
        """Whether `recognise` would answer this caller."""
        return self._callers.get(credential, self._anonymous) is caller and wall < caller.expires_wall

    def holder(self, headers: Mapping[bytes, bytes], query: str) -> bytes:
        """How the sender of a request is known later, in requests that bear no credential (`caller_of`). b"": nobody needed one."""
        credential = self.credential(headers, query)
        return credential if credential in self._callers else b""

    def caller_of(self, holder: bytes, wall: float) -> Caller:
        """Who a `holder` is now. Unauthenticated: the virtual key was revoked, rotated or taken out, or has expired."""
        caller = self._callers.get(holder) if holder else self._anonymous
        if caller is None:
            raise Unauthenticated(_ENDED)
        return _unexpired(caller, wall)


class AdminAuthenticator:
    """The admin key, compared in constant time. Without one configured, operations are open on loopback only, and to no web page.

    (A web page could reach loopback: whoever owns a name can let it point here, by DNS rebinding, and any page can send a POST.)
    """

    def __init__(self, admin_key: bytes | None) -> None:
        self._admin_key = admin_key

    def is_admin(self, headers: Mapping[bytes, bytes]) -> bool:
        if self._admin_key is None:
            return _is_asked_here(headers) and _is_own_page(headers)
        return hmac.compare_digest(presented_secret(headers, ""), self._admin_key)

    def require(self, headers: Mapping[bytes, bytes]) -> None:
        if self.is_admin(headers):
            return
        if self._admin_key is None:
            raise Forbidden(_FOREIGN, code="foreign_origin" if _is_asked_here(headers) else "foreign_host")
        raise (Forbidden if presented_secret(headers, "") else Unauthenticated)(
            "This path needs the admin key: send it as `Authorization: Bearer <server.admin_key>`.",
        )


def is_of_this_machine(url: str) -> bool:
    """Whether what stands at a URL is on loopback."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _is_asked_here(headers: Mapping[bytes, bytes]) -> bool:
    return is_of_this_machine("//" + headers.get(b"host", b"").decode("latin-1"))


def _is_own_page(headers: Mapping[bytes, bytes]) -> bool:
    """Browsers name the page's origin; whoever names none is a program."""
    origin = headers.get(b"origin")
    return origin is None or origin.partition(b"://")[2] == headers.get(b"host")


def _unexpired(caller: Caller, wall: float) -> Caller:
    if wall >= caller.expires_wall:
        raise Unauthenticated(f"The virtual key {caller.name!r}, or this secret of it, has expired.", code="expired_api_key")
    return caller


def digest(pepper: bytes, secret: bytes) -> bytes:
    """Keyed BLAKE2b: a MAC like HMAC-SHA-256, but one that does not give up the interpreter lock in the middle of every call."""
    return blake2b(secret, key=pepper[:64], digest_size=32).digest()


_SIGNATURE = b"AWS4-"
_SIGNED = (
    "The request bears an AWS signature, which nobody can check here. Give the client a virtual key of this gateway as its Bedrock API "
    "key: set AWS_BEARER_TOKEN_BEDROCK to it."
)
_FOREIGN = (
    "No server.admin_key is configured, so this path is only for this machine: ask at localhost, 127.0.0.1 or [::1], and not from "
    "the page of another host or port."
)
_MISSING = "No API key was sent. Use a virtual key of this gateway as the API key of your SDK."
_UNKNOWN = "The API key is not a virtual key of this gateway."
_ENDED = "The virtual key that began this is not one of this gateway any more."
