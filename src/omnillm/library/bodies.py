"""The body of a raw call, ready to be sent: bytes, a file on disk, or a form around a file."""

from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import parse_qs

import msgspec

from omnillm.errors import BadRequest
from omnillm.library.primitive import JSON_TYPE, PrimitiveForm, PrimitiveRequest
from omnillm.protocols.counts import UNREADABLE
from omnillm.transport.spool import Body, FileBody

OCTETS: Final = b"application/octet-stream"


class _Streaming(msgspec.Struct):
    """The members by which a JSON body asks for events."""

    stream: bool | None = None
    stream_format: str | None = None


def open_body(body: bytes | Path | PrimitiveForm, dice: Random) -> tuple[Body, bytes]:
    """(the body, its content type or b""). BadRequest: its file cannot be read, or a field of the form cannot be written in one."""
    if isinstance(body, PrimitiveForm):
        boundary = f"{dice.getrandbits(128):032x}"
        before, after = _around(body, boundary)
        file = body.file
        content = before + file + after if isinstance(file, bytes) else _file(file, before, after)
        return content, f"multipart/form-data; boundary={boundary}".encode()
    if isinstance(body, Path):
        return _file(body), OCTETS
    is_json = body[:1] in {b"{", b"["}
    return body, (JSON_TYPE if is_json else OCTETS) if body else b""


def _file(path: Path, before: bytes = b"", after: bytes = b"") -> FileBody:
    try:
        return FileBody(str(path), before, after)
    except OSError as error:
        raise BadRequest(f"The file {path.name!r} cannot be read: {error.strerror}.", code="unreadable_file") from error


def _around(form: PrimitiveForm, boundary: str) -> tuple[bytes, bytes]:
    """What stands before and after the file's content."""
    filename = form.filename or (form.file.name if isinstance(form.file, Path) else "file")
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{_word(name)}"\r\n\r\n{value}\r\n' for name, value in form.fields.items()
    ]
    disposition = f'form-data; name="{_word(form.name)}"; filename="{_word(filename)}"'
    parts.append(f"--{boundary}\r\ncontent-disposition: {disposition}\r\ncontent-type: {_word(form.content_type)}\r\n\r\n")
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()


def _word(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        raise BadRequest(f"{text[:64]!r} cannot stand in the head of a form's part.")
    return text


def asks_for_events(request: PrimitiveRequest, query: str) -> bool | None:
    """Whether a request asks for server-sent events; None: its body cannot be read."""
    if "true" in parse_qs(query).get("stream", ()):
        return True
    body = request.body
    if isinstance(body, PrimitiveForm):
        return body.fields.get("stream") == "true"
    if isinstance(body, Path) or body[:1] not in {b"", b"{"}:
        return None
    try:
        members = msgspec.json.decode(body or b"{}", type=_Streaming)
    except UNREADABLE:
        return None
    return bool(members.stream) or members.stream_format == "sse"
