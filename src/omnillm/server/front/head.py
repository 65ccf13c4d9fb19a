"""A request's head, from bytes to `Request`: llhttp reads it, and what it lets pass although two readers could disagree is refused.

Each head gets a parser of its own (a quarter of a microsecond): no state outlives a message, and an `Upgrade`, at which llhttp
would stop, ends nothing but itself. llhttp refuses by itself: bare CR or LF, folded lines, control characters, white space
before a colon, two lengths, both framings, lengths that are not digits.
"""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from omnillm.errors import BadRequest, TooLarge
from omnillm.server.front.requests import Request
from omnillm.trace_context import TRACEPARENT, TRACESTATE, TraceFields

CHUNKED = -1
SPACE = 32
OTHER_VERSION = re.compile(rb"HTTP/\d\.\d\r\n")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
ABSOLUTE = re.compile(r"https?://[^/?]+(?=[/?]|\Z)", re.IGNORECASE)
HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
LONGEST_NAME = 260
"""Bytes of a Host field that is remembered: a name of the DNS with a port. Anybody may send longer ones."""
CONTROLS = frozenset(map(chr, (*range(32), 127)))


class _Fields:
    """What llhttp calls back on."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[bytes, bytes] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        found = self.found
        name = name.lower()
        value = value.rstrip()
        if name in found:
            value = b"%b, %b" % (found[name], value)
        found[name] = value


def read_head(head: bytes, *, peer: str, most_fields: int) -> Request:
    """Syntax only. `head` ends with the first empty line. Raises a 400, 431, 501 or 505."""
    words = head.split(b" ", 2)
    if len(words) != 3 or head[0] <= SPACE:  # llhttp skips line breaks before the method
        raise BadRequest("The request line is not METHOD TARGET VERSION.")
    method, target, rest = words
    if rest.startswith(b"HTTP/1.1\r\n"):
        minor = 1
    elif rest.startswith(b"HTTP/1.0\r\n"):
        minor = 0
    elif OTHER_VERSION.match(rest):
        raise BadRequest("Only HTTP/1.1 and HTTP/1.0 are spoken here.", code="http_version_not_supported", status=505)
    else:
        raise BadRequest("The request line does not end with an HTTP version.")
    headers = _parse_fields(head, most_fields)
    path, query = _split_target(method, target)
    request = Request(method=method.decode(), target=target, path=path, query=query, headers=headers, http_minor=minor, peer=peer)
    if TRACEPARENT in headers:
        request.trace = TraceFields(headers[TRACEPARENT], headers.get(TRACESTATE, b""))
    return request


def _parse_fields(head: bytes, most_fields: int) -> dict[bytes, bytes]:
    if head.count(b"\n") > most_fields + 2:  # beside the request line and the empty one; nobody has to be known to send a head
        raise TooLarge(f"There are more than {most_fields} header fields.", code="header_too_large", status=431)
    fields = _Fields()
    try:
        HttpRequestParser(fields).feed_data(head)
    except HttpParserUpgrade:
        pass  # the head was read to its end; whether anything is upgraded is not the parser's to say
    except HttpParserInvalidMethodError as exc:
        raise BadRequest("The method is not known.", code="method_not_implemented", status=501) from exc
    except HttpParserError as exc:
        raise BadRequest(f"The head is malformed: {exc}.") from exc
    return fields.found


def _split_target(method: bytes, target: bytes) -> tuple[str, str]:
    """Path and query of an origin-form or absolute-form target, which llhttp has found to be ASCII."""
    text = target.decode("ascii")
    if "\r" in text:
        raise BadRequest("The request line is not METHOD TARGET VERSION.")
    if target[:1] != b"/":
        if method == b"OPTIONS" and text == "*":
            return "*", ""
        absolute = ABSOLUTE.match(text)
        if absolute is None:
            raise BadRequest("The target is neither a path nor an http URL.")
        text = text[absolute.end() :]
        text = text if text.startswith("/") else "/" + text
    if "#" in text:
        raise BadRequest("The target holds a fragment.")
    path, _, query = text.partition("?")
    return (_decode(path) if "%" in path else path), query


def _decode(path: str) -> str:
    if BAD_ESCAPE.search(path):
        raise BadRequest("The path holds a percent sign that escapes nothing.")
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError as exc:
        raise BadRequest("The path is not UTF-8.") from exc
    if not CONTROLS.isdisjoint(decoded):
        raise BadRequest("The path holds a control character.")
    return decoded


def frame(request: Request) -> None:
    """Set how long the body is and whether the connection lives on; refuse whatever could be understood in two ways."""
    headers, minor = request.headers, request.http_minor
    host = headers.get(b"host")
    if not is_host(host) if host is not None else minor:
        raise BadRequest("There must be one valid Host field.")
    coding = headers.get(b"transfer-encoding")
    if coding is not None:
        if minor == 0 or coding.lower() != b"chunked":
            raise BadRequest("The only transfer coding is chunked, and only in HTTP/1.1.")
        request.length = CHUNKED
    else:
        length = headers.pop(b"content-length", None)
        if length is not None:
            request.length = int(length)
    connection = headers.get(b"connection")
    if connection is None:
        request.is_last = minor == 0
    elif connection != b"keep-alive":
        options = [option.strip() for option in connection.lower().split(b",")]
        request.is_last = b"close" in options or (minor == 0 and b"keep-alive" not in options)
    request.expects_continue = minor == 1 and _expects_continue(headers)


def _expects_continue(headers: dict[bytes, bytes]) -> bool:
    expectation = headers.get(b"expect")
    if expectation is not None and expectation.lower() != b"100-continue":
        raise BadRequest("The only expectation that can be met is 100-continue.", code="expectation_failed", status=417)
    return expectation is not None


def oversized(head: bytes, limit: int) -> TooLarge:
    """The refusal of a head that is larger than `limit`, whole or not."""
    if b"\r\n" in head[:limit]:
        return TooLarge(f"The head is larger than {limit} bytes.", code="header_too_large", status=431)
    return TooLarge("The request line is too long.", code="uri_too_long", status=414)


def is_host(host: bytes) -> bool:
    """Whether it can stand in a Host field: a name or an address, and perhaps a port."""
    return _is_name(host) if len(host) <= LONGEST_NAME else HOST.fullmatch(host) is not None


@lru_cache(maxsize=1024)
def _is_name(host: bytes) -> bool:
    return HOST.fullmatch(host) is not None
