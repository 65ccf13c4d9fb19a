"""A request as the families and the shelves read it: query, JSON, form. The fake provider's own reading, which is not the gateway's."""

import re
from urllib.parse import parse_qsl

import msgspec

from omnillm.testing.replies.reading import json_object
from omnillm.testing.replies.speaker import Json, Malformed

_BOUNDARY = re.compile(rb'boundary="?([^";]+)"?')
_NAME = re.compile(rb'[ ;]name="([^"]*)"')
_FILENAME = re.compile(rb'[ ;]filename="([^"]*)"')


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    target: str
    headers: dict[bytes, bytes]
    body: bytes
    model: str = ""
    """Where it stands in the path."""
    number: int
    """In the log."""
    created: int
    """Unix seconds."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2]))

    def every(self, name: str) -> list[str]:
        """The values of a parameter that may stand several times."""
        return [value for each, value in parse_qsl(self.target.partition("?")[2]) if each == name]

    @property
    def origin(self) -> str:
        return f"http://{self.headers.get(b'host', b'').decode('latin-1')}"

    @property
    def json(self) -> Json:
        """Raises Malformed."""
        return json_object(self.body)

    def form(self) -> "Form":
        """Raises Malformed."""
        found = _BOUNDARY.search(self.headers.get(b"content-type", b""))
        if found is None or not self.headers[b"content-type"].startswith(b"multipart/form-data"):
            raise Malformed("We could not parse your multipart form.")
        parts = (b"\r\n" + self.body).split(b"\r\n--" + found[1])
        if parts[0] or not parts[-1].startswith(b"--"):
            raise Malformed("Your multipart form has no end.")
        form = Form(fields={}, files={})
        for part in parts[1:-1]:
            form.add(*part.removeprefix(b"\r\n").partition(b"\r\n\r\n")[::2])
        return form


class File(msgspec.Struct, frozen=True):
    name: str
    content: bytes


class Form(msgspec.Struct, frozen=True):
    """A form of fields and files, each by its name."""

    fields: dict[str, list[str]]
    files: dict[str, list[File]]

    def add(self, head: bytes, content: bytes) -> None:
        name, filename = _NAME.search(head), _FILENAME.search(head)
        if name is None:
            raise Malformed("A part of your multipart form has no name.")
        if filename is not None:
            self.files.setdefault(name[1].decode(), []).append(File(filename[1].decode(), content))
        else:
            self.fields.setdefault(name[1].decode(), []).append(content.decode())

    def field(self, name: str, default: str = "") -> str:
        return self.fields.get(name, [default])[0]

    def file(self, name: str) -> File:
        """The only one of that name. Raises Malformed."""
        found = self.files.get(name, [])
        if len(found) != 1:
            raise Malformed(f"{name}: Field required")
        return found[0]
