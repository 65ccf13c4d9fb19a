"""A form, taken apart at its boundary: the fake provider's own reading, which is not the gateway's."""

import re

from omnillm.testing.families.provided import Wanted
from omnillm.testing.replies.speaker import Malformed

_BOUNDARY = re.compile(rb'boundary="?([^";]+)"?')
_NAME = re.compile(rb'[ ;]name="([^"]*)"')


def read_form(wanted: Wanted) -> tuple[dict[str, list[str]], dict[str, list[bytes]]]:
    """(fields, files) by name. Raises Malformed."""
    found = _BOUNDARY.search(wanted.headers.get(b"content-type", b""))
    if found is None or not wanted.headers[b"content-type"].startswith(b"multipart/form-data"):
        raise Malformed("We could not parse your multipart form.")
    parts = (b"\r\n" + wanted.body).split(b"\r\n--" + found[1])
    if parts[0] or not parts[-1].startswith(b"--"):
        raise Malformed("Your multipart form has no end.")
    fields: dict[str, list[str]] = {}
    files: dict[str, list[bytes]] = {}
    for part in parts[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise Malformed("A part of your multipart form has no name.")
        if b"filename=" in head:
            files.setdefault(name[1].decode(), []).append(content)
        else:
            fields.setdefault(name[1].decode(), []).append(content.decode())
    return fields, files


def field(fields: dict[str, list[str]], name: str, default: str = "") -> str:
    return fields.get(name, [default])[0]
