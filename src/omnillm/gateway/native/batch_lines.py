"""The requests of a batch, line by line, in the file that a client uploads for it."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from omnillm.errors import BadRequest
from omnillm.framing.lines import LineReader
from omnillm.framing.sse import MAX_EVENT_BYTES
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.members import has_repeated_members, read_members
from omnillm.protocols.protocol import Members
from omnillm.transport.spool import Body

SLICE_BYTES: Final = 256 * 1024
LONGEST_LINE: Final = MAX_EVENT_BYTES
URLS: Final = {"/v1/chat/completions": "openai_chat", "/v1/responses": "openai_responses"}
"""The URL that a line asks for -> the protocol of its body."""
PLAIN_FIELD: Final = re.compile(rb'form-data; name="(?:purpose|expires_after\[\w+\])"\s*$', re.IGNORECASE)
"""The fields of a form that are no file; any other may be one."""


class Line(msgspec.Struct, frozen=True):
    """One request of a batch."""

    protocol: str
    body: bytes


async def uploaded_lines(body: Body, content_type: bytes) -> AsyncIterator[Line]:
    """The requests in the file of a form. BadRequest: the file holds anything else, so that the batch cannot be known."""
    _, _, boundary = content_type.partition(b"boundary=")
    delimiter = b"--" + boundary.split(b";")[0].strip(b' "')
    if len(delimiter) == 2:
        raise BadRequest("The upload is no form.")
    is_head, is_file, has_lines = False, False, False
    async for line in _lines(body):
        if line.rstrip() in {delimiter, delimiter + b"--"}:
            if not line.endswith(b"\r") and line != delimiter + b"--":
                raise BadRequest("A part of the form begins where not every reader sees it.")
            is_head, is_file = True, True
        elif is_head:
            is_file = is_file and PLAIN_FIELD.search(line) is None
            is_head = bool(line.strip())
        elif is_file and line.strip():
            has_lines = True
            yield _line(line)
    if not has_lines:
        raise BadRequest("The upload holds no request.")


async def _lines(body: Body) -> AsyncIterator[bytes]:
    """The lines, without line feeds. The loop has a turn at every slice."""
    at, reader = 0, LineReader()
    while at < len(body):
        piece = body[at : at + SLICE_BYTES] if isinstance(body, bytes) else body.read_at(at, SLICE_BYTES)
        if not piece:
            raise BadRequest("The file became shorter while it was read.")
        at += len(piece)
        for line in reader.feed(piece):
            yield line
        if reader.waiting_bytes > LONGEST_LINE:
            raise BadRequest("A line of the file is too long.")
        await asyncio.sleep(0)
    if rest := reader.finish():
        yield rest


def _line(line: bytes) -> Line:
    members = read_members(line)
    url, method = _text(members, "url"), _text(members, "method")
    if url not in URLS or method != "POST" or "body" not in members or has_repeated_members(line, members):
        raise BadRequest("A line of the file is no request for inference.")
    return Line(URLS[url], bytes(members["body"]))


def _text(members: Members, name: str) -> str:
    try:
        return msgspec.json.decode(members[name], type=str) if name in members else ""
    except UNREADABLE as error:
        raise BadRequest(f"{name} of a line is no text.") from error
