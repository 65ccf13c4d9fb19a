"""The heads of requests to providers and of replies to clients: allowlists in both directions.

Upstream a client's field passes only when `passing.py` names it (or it begins with `x-stainless-`): never its credential, cookie or
forwarding headers. Downstream only `RETURNED` passes: never a provider's cookie, organisation or project id, rate limits of its key,
`server`, `via` or `cf-*`. Its request id passes under a name of ours.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from omnillm.endpoints.format import FORM_OPERATIONS
from omnillm.errors import ConfigError
from omnillm.providers.auth_scheme import AuthScheme, Bearer, Entra, Header, Query
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.passing import passing
from omnillm.providers.url_rule import request_target
from omnillm.secret import Secret

RETURNED: Final = ("content-type", "openai-processing-ms", "openai-version")
RESERVED: Final = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "content-type", "expect", "host", "keep-alive", "proxy-authenticate"),
        *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Fields that decide where a message ends, whom it reaches or how it is coded: ours alone."""
TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
"""Characters of a field name (RFC 9110, section 5.6.2), lower-cased."""
MOST_LINES: Final = 512
"""Request lines kept per endpoint. Model names can come from strangers."""

NOT_NATIVE: Final = RESERVED - {"content-type"} | {
    *("api-key", "authorization", "cookie", "forwarded", "openai-organization", "openai-project", "true-client-ip", "via"),
    *("x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amzn-bedrock-projectidentifier"),
    *("x-api-key", "x-goog-api-key", "x-goog-user-project", "x-http-method", "x-http-method-override", "x-method-override", "x-real-ip"),
}
"""What a native call does not pass on: what is of one hop, credentials and whom they bill, cookies, who forwarded it, another method."""
NOT_NATIVE_PREFIXES: Final = ("cf-", "x-forwarded-", "x-omnillm-")
BEDROCK_RETURNED: Final = (
    *("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"),
    *("x-amzn-bedrock-cache-read-input-token-count", "x-amzn-bedrock-cache-write-input-token-count"),
    *("x-amzn-bedrock-invocation-latency", "x-amzn-bedrock-performanceconfig-latency", "x-amzn-bedrock-service-tier"),
)
"""Of a reply to AWS's SDKs, which read counts there."""
NATIVE_RETURNED: Final = (
    *BEDROCK_RETURNED,
    *("accept-ranges", "content-disposition", "content-range", "etag", "last-modified", "openai-poll-after-ms", "retry-after"),
    *("x-goog-upload-chunk-granularity", "x-goog-upload-size-received", "x-goog-upload-status"),
)
"""Of a reply to a native call, beside `RETURNED`."""

MOST_ID_BYTES: Final = 128

LineKey = tuple[str, str, str, bool, str]
"""What decides a request line: protocol, operation, model, whether it streams, and a cloud's API version as its client chose it."""

_RETURNED = tuple((name.encode(), f"{name}: ".encode()) for name in RETURNED)
_NATIVE_RETURNED = _RETURNED + tuple((name.encode(), f"{name}: ".encode()) for name in NATIVE_RETURNED)


def check_field(name: str, value: Secret, *, auth: AuthScheme | None = None) -> None:
    """ConfigError unless a configured header can be sent as it is; its value is never repeated. `auth`: what is sent beside it."""
    lowered = name.lower()
    auth_name = "authorization" if isinstance(auth, Bearer | Entra) else auth.name.lower() if isinstance(auth, Header) else ""
    if not lowered or not TOKEN.issuperset(lowered):
        raise ConfigError(f"{name[:64]!r} is not a header name", path="headers")
    if lowered in RESERVED:
        raise ConfigError(f"{lowered} is set by the gateway", path="headers")
    if lowered == auth_name:
        raise ConfigError(f"{lowered} carries the provider key; see auth", path="headers")
    _ascii(value.reveal(), what=f"the value of {lowered}", path="headers")


def check_auth(auth: AuthScheme) -> None:
    """ConfigError unless the scheme's name can stand in a head."""
    if isinstance(auth, Header) and (not auth.name or not TOKEN.issuperset(auth.name.lower()) or auth.name.lower() in RESERVED):
        raise ConfigError(f"{auth.name[:64]!r} is not a header that can carry a key", path="auth.header")
    if isinstance(auth, Query) and not (auth.name and auth.name.isascii() and auth.name.isprintable()):
        raise ConfigError("is not the name of a query parameter", path="auth.query")


def _ascii(text: str, *, what: str, path: str) -> bytes:
    if not text.isascii() or not text.isprintable():
        raise ConfigError(f"{what} must be printable ASCII", path=path)
    return text.encode("ascii")


class RequestLines(dict[LineKey, tuple[bytes, bytes]]):
    """The beginnings and ends of requests to one endpoint, written once for all of its keys, whose own fields stand between them.

    By what is asked: method and target; and what of the fields is of the operation, begun by CRLF. A model that cannot stand in a URL is a
    BadRequest.
    """

    __slots__ = ("_endpoint",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    def __missing__(self, asked: LineKey) -> tuple[bytes, bytes]:
        protocol, operation, model, is_stream, version = asked
        target = request_target(self._endpoint, protocol, operation, model=model, is_stream=is_stream, version=version)
        if operation in FORM_OPERATIONS:
            found = b"POST " + target, b""
        elif operation in {"models", "realtime"}:
            found = b"GET " + target, b""
        else:
            # Every inference body was read as JSON, whatever its sender called it (curl says it is a form).
            found = b"POST " + target, b"\r\ncontent-type: application/json"
        if len(self) >= MOST_LINES:
            self.clear()
        self[asked] = found
        return found


class Sender:
    """Writes the heads of requests to one endpoint with one provider key. Everything that a call cannot change is written once."""

    __slots__ = ("_auth_query", "_fixed", "_lines", "_neutral", "_own", "_passing")

    def __init__(self, endpoint: Endpoint, secret: Secret, lines: RequestLines | None = None) -> None:
        """`lines`: the endpoint's, where it has other keys as well."""
        check_auth(endpoint.auth)
        self._lines = RequestLines(endpoint) if lines is None else lines
        auth = endpoint.auth
        key = _ascii(secret.reveal(), what="a provider key", path="key")
        fields = [b"host: " + urlsplit(endpoint.base_url.reveal()).netloc.encode("ascii")]
        if not key:
            pass  # a host of one's own that asks for none
        elif isinstance(auth, Bearer | Entra):
            fields.append(b"authorization: Bearer " + key)
        elif isinstance(auth, Header):
            fields.append(auth.name.lower().encode() + b": " + key)
        for name, value in endpoint.headers:
            check_field(name, value, auth=auth)
            fields.append(f"{name}: {value.reveal()}".encode("ascii"))
        fields.append(b"accept-encoding: identity")
        own = {name for name, _ in endpoint.headers} | ({auth.name.lower()} if isinstance(auth, Header) else set())
        self._auth_query = f"{quote(auth.name)}={quote(key, safe='')}".encode() if isinstance(auth, Query) and key else b""
        self._fixed = b" HTTP/1.1\r\n" + b"\r\n".join(fields)
        self._own = frozenset(name.encode() for name in own)
        dropped = frozenset((*own, *endpoint.unsent))
        self._passing = passing(dropped, endpoint.fallback_headers, endpoint.passed)
        self._neutral = passing(dropped, endpoint.fallback_headers, endpoint.passed, is_neutral=True)

    def head(self, headers: Mapping[bytes, bytes], asked: LineKey, *, is_translated: bool = False) -> bytes:
        """Request line and fields, each ended by CRLF, without content-length and the final blank line.

        `headers` are the client's (lower-cased names); `is_translated`: the client speaks another protocol. A form's content type, which
        names the boundary of its parts, is the caller's to add. BadRequest: the model name cannot stand in a URL.
        """
        line, fields = self._lines[asked]
        if self._auth_query:
            line = self._authenticated(line)
        return b"%b%b%b%b\r\n" % (line, self._fixed, fields, (self._neutral if is_translated else self._passing).write(headers))

    def native_head(self, method: str, target: bytes, headers: Mapping[bytes, bytes]) -> bytes:
        """As `head`, of a call in the provider's own words: every field passes but those of `NOT_NATIVE`."""
        if self._auth_query:
            target = self._authenticated(target)
        hop = {name.strip().lower() for name in headers.get(b"connection", b"").split(b",")}
        pieces = [b"%b %b%b" % (method.encode(), target, self._fixed)]
        for name, value in headers.items():
            text = name.decode("latin-1")
            is_ours = text in NOT_NATIVE or text.startswith(NOT_NATIVE_PREFIXES) or name in hop or name in self._own
            if not is_ours:
                pieces.append(b"\r\n%b: %b" % (name, value))
        pieces += self._passing.fallbacks(headers)
        pieces.append(b"\r\n")
        return b"".join(pieces)

    def _authenticated(self, target: bytes) -> bytes:
        return target + (b"&" if b"?" in target else b"?") + self._auth_query


def request_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The provider's own id of a request, in ASCII, for which its support asks; "" if the reply's head tells none, or an odd one."""
    told = headers.get(b"x-request-id") or headers.get(b"request-id") or headers.get(b"x-amzn-requestid")
    return "" if told is None or len(told) > MOST_ID_BYTES or not told.isascii() else told.decode()


def reply_fields(headers: Mapping[bytes, bytes], *, is_native: bool = False) -> bytes:
    """Return those fields of a provider's reply that a client may see, each ended by CRLF."""
    fields = b""
    for name, label in _NATIVE_RETURNED if is_native else _RETURNED:
        if name in headers:
            fields += label + headers[name] + b"\r\n"
    told = request_id_of(headers)
    return fields + f"x-omnillm-upstream-request-id: {told}\r\n".encode() if told else fields
