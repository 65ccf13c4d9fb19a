"""multipart/form-data (RFC 7578), read as it arrives and written: where each part lies, and what its head says.

However the bytes are cut into pieces, the events are the same. Nothing of a part is kept but the few bytes that may begin a delimiter.
What two readers could read differently is refused: anything before the first delimiter or behind the last, a delimiter with blanks behind
it, a line end other than CRLF, two dispositions, a name that is written like a file's (`name*`).
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

import msgspec

from omnillm.errors import BadRequest, TooLarge

BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_MEDIA_TYPE: Final = re.compile(r"multipart/form-data\s*(?:;|$)", re.IGNORECASE)
_PARAMETER: Final = re.compile(r';\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\\r\n]|\\[^\r\n])*)"|([^\s;",]+))\s*')
_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)")
_ESCAPED: Final = re.compile(r'\\(["\\])')
_PLAIN_CODINGS: Final = frozenset({"", "7bit", "8bit", "binary"})


class FormLimits(msgspec.Struct, frozen=True, kw_only=True):
    parts: int = 128
    head_bytes: int = 8 * 1024
    """Of one part."""
    head_fields: int = 16


DEFAULT_LIMITS: Final = FormLimits()


class PartHead(msgspec.Struct, frozen=True, kw_only=True):
    """A part begins: its content starts at `start`, counted from the beginning of the body."""

    name: str
    filename: str | None
    """None: a plain field."""
    content_type: str
    start: int


class PartPiece(msgspec.Struct, frozen=True):
    content: bytes


class PartEnd(msgspec.Struct, frozen=True):
    """The content of the part ends before `end`."""

    end: int


Event = PartHead | PartPiece | PartEnd
START, BEHIND_DELIMITER, HEAD, CONTENT, END = range(5)


class MultipartReader:
    """Bytes in, events out. BadRequest: malformed; TooLarge: beyond a limit."""

    __slots__ = ("_at", "_delimiter", "_limits", "_parts", "_state", "_tail")

    def __init__(self, boundary: str, *, limits: FormLimits = DEFAULT_LIMITS) -> None:
        self._delimiter = f"\r\n--{boundary}".encode("ascii")
        self._limits = limits
        self._state = START
        self._tail = b"\r\n"  # as if a line had ended before the body: the first delimiter is then like every other
        self._at = -2
        """The offset of `_tail` in the body."""
        self._parts = 0

    def feed(self, piece: bytes) -> list[Event]:
        events: list[Event] = []
        data = self._tail + piece
        at = 0
        while (taken := self._step(data, at, events)) is not None:
            at = taken
        self._tail = data[at:]
        self._at += at
        return events

    def finish(self) -> None:
        """The body is over."""
        if self._state != END or self._tail not in {b"", b"\r\n"}:
            raise _malformed("it ends before its last delimiter")

    def _step(self, data: bytes, at: int, events: list[Event]) -> int | None:
        """The offset to go on from; None: more bytes are needed."""
        if self._state == CONTENT:
            return self._take_content(data, at, events)
        if self._state == HEAD:
            return self._take_head(data, at, events)
        if self._state == START:
            return self._take_first(data, at)
        if self._state == BEHIND_DELIMITER:
            return self._take_behind(data, at)
        if len(data) - at > 2 or not b"\r\n".startswith(data[at:]):
            raise _malformed("something stands behind its last delimiter")
        return None

    def _take_first(self, data: bytes, at: int) -> int | None:
        delimiter = self._delimiter
        opening = data[at : at + len(delimiter)]
        if not delimiter.startswith(opening):
            raise _malformed("it does not begin with its delimiter")
        if len(opening) < len(delimiter):
            return None
        self._state = BEHIND_DELIMITER
        return at + len(delimiter)

    def _take_behind(self, data: bytes, at: int) -> int | None:
        following = data[at : at + 2]
        if len(following) < 2:
            return None
        if following == b"--":
            self._state = END
        elif following == b"\r\n":
            self._parts += 1
            if self._parts > self._limits.parts:
                raise TooLarge(f"The form has more than {self._limits.parts} parts.")
            self._state = HEAD
        else:
            raise _malformed("a delimiter is followed by something else than a line end")
        return at + 2

    def _take_head(self, data: bytes, at: int, events: list[Event]) -> int | None:
        end = data.find(b"\r\n\r\n", at)
        if (end if end >= 0 else len(data)) - at > self._limits.head_bytes:
            raise TooLarge(f"The head of a part of the form is larger than {self._limits.head_bytes} bytes.")
        if end < 0:
            return None
        content_at = end + 4
        events.append(_read_head(data[at:end], start=self._at + content_at, limits=self._limits))
        self._state = CONTENT
        return content_at

    def _take_content(self, data: bytes, at: int, events: list[Event]) -> int | None:
        end = data.find(self._delimiter, at)
        if end >= 0:
            if end > at:
                events.append(PartPiece(data[at:end]))
            events.append(PartEnd(self._at + end))
            self._state = BEHIND_DELIMITER
            return end + len(self._delimiter)
        kept = len(data) - len(self._delimiter) + 1
        if kept <= at:
            return None
        events.append(PartPiece(data[at:kept]))
        return kept


def read_boundary(content_type: str) -> str:
    """The boundary that a content type names. BadRequest: it is no multipart/form-data, or names none that may be."""
    if _MEDIA_TYPE.match(content_type) is None:
        raise BadRequest("The request body must be multipart/form-data.", code="unsupported_content_type")
    boundary = _parameters(content_type[len("multipart/form-data") :].lstrip()).get("boundary", "")
    if BOUNDARY.fullmatch(boundary) is None:
        raise BadRequest("The content type names no boundary of its parts, or one that cannot be.", code="malformed_form")
    return boundary


def _read_head(head: bytes, *, start: int, limits: FormLimits) -> PartHead:
    try:
        lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError as error:
        raise _malformed("the head of a part is not UTF-8") from error
    if len(lines) > limits.head_fields:
        raise TooLarge(f"A part of the form has more than {limits.head_fields} fields.")
    fields: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None or field[1].lower() in fields:
            raise _malformed("the head of a part has a field that is none, or one twice")
        fields[field[1].lower()] = field[2].strip()
    kind, _, parameters = fields.get("content-disposition", "").partition(";")
    if kind.strip().lower() != "form-data":
        raise _malformed("a part is no form-data")
    if fields.get("content-transfer-encoding", "").lower() not in _PLAIN_CODINGS:
        raise _malformed("a part is coded for transfer")
    told = _parameters(f";{parameters}")
    if "name" not in told or any(each.startswith("name*") for each in told):
        raise _malformed("a part has no name, or one that not every reader understands")
    return PartHead(
        name=told["name"], filename=_filename(told), content_type=fields.get("content-type", "application/octet-stream"), start=start
    )


def _filename(told: dict[str, str]) -> str | None:
    extended = told.get("filename*")
    if extended is None:
        return told.get("filename")
    charset, _, rest = extended.partition("'")
    _, quote, value = rest.partition("'")  # behind the language
    if not quote or charset.lower() != "utf-8":
        raise _malformed("a file's name is in an unknown character set")
    return unquote(value)


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        parameter = _PARAMETER.match(text, at)
        if parameter is None:
            if text[at:].strip(" \t;"):
                raise _malformed("a parameter of a head is none")
            break
        name = parameter[1].lower()
        if name in found:
            raise _malformed("a parameter stands twice in a head")
        found[name] = parameter[3] if parameter[2] is None else _ESCAPED.sub(r"\1", parameter[2])
        at = parameter.end()
    return found


def _malformed(problem: str) -> BadRequest:
    return BadRequest(f"The form is malformed: {problem}.", code="malformed_form")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A part to be written. `filename` None: a plain field."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str = ""


def write_form(boundary: str, fields: Iterable[Field]) -> list[bytes]:
    """The body in pieces, the contents as they are, uncopied. ValueError: a content holds the delimiter."""
    delimiter = f"\r\n--{boundary}".encode("ascii")
    pieces: list[bytes] = []
    for number, field in enumerate(fields):
        if delimiter in field.content:
            raise ValueError("the boundary stands in a part")
        disposition = f'form-data; name="{_quoted(field.name)}"'
        if field.filename is not None:
            disposition += f'; filename="{_quoted(field.filename)}"'
        head = f"\r\ncontent-disposition: {disposition}"
        if field.content_type:
            head += f"\r\ncontent-type: {field.content_type}"
        pieces += [(delimiter if number else delimiter[2:]) + f"{head}\r\n\r\n".encode(), field.content]
    pieces.append((delimiter if pieces else delimiter[2:]) + b"--\r\n")
    return pieces


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")
