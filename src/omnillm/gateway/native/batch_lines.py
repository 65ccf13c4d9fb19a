"""The requests of a batch, line by line, in the file that a client uploads for it."""

import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from omnillm.errors import BadRequest
from omnillm.framing.lines import LineReader
from omnillm.framing.multipart import Event, MultipartReader, PartHead, PartPiece, read_boundary
from omnillm.framing.sse import MAX_EVENT_BYTES
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.members import has_repeated_members, read_members
from omnillm.protocols.protocol import Members
from omnillm.transport.sending import slices_of
from omnillm.transport.spool import Body

LONGEST_LINE: Final = MAX_EVENT_BYTES
LONGEST_PURPOSE: Final = 1024
"""Bytes; what is longer is none, and not kept."""
URLS: Final = {"/v1/chat/completions": "openai_chat", "/v1/responses": "openai_responses"}
"""The URL that a line asks for -> the protocol of its body."""
PLAIN_FIELD: Final = re.compile(r"purpose|expires_after\[\w+\]")
"""The fields of a form that are no file; any other may be one."""


class Line(msgspec.Struct, frozen=True):
    """One request of a batch."""

    protocol: str
    body: bytes


async def uploaded_lines(body: Body, content_type: bytes) -> AsyncIterator[Line]:
    """The requests in the file of a form. BadRequest: it holds anything else, or not every reader sees the same file."""
    has_lines = False
    async for line in lines_of(body, content_type):
        if line.strip():
            has_lines = True
            yield _line(line)
    if not has_lines:
        raise BadRequest("The upload holds no request.")


async def lines_of(body: Body, content_type: bytes) -> AsyncIterator[bytes]:
    """The lines of all parts that may be the file, without line feeds. BadRequest: not every reader would see the same."""
    lines, is_file = LineReader(), False
    async for event in _events(body, content_type):
        if isinstance(event, PartHead):
            is_file = event.filename is not None or PLAIN_FIELD.fullmatch(event.name) is None
        elif is_file:
            for line in lines.feed(event.content) if isinstance(event, PartPiece) else [lines.finish()]:
                yield line
            if lines.waiting_bytes > LONGEST_LINE:
                raise BadRequest("A line of the file is too long.")


async def purpose_of(body: Body, content_type: bytes) -> bytes:
    """What the fields of a form say that its file is for. BadRequest: not every reader would see the same."""
    purpose, is_told = b"", False
    async for event in _events(body, content_type):
        if isinstance(event, PartHead):
            is_told = event.name == "purpose"
        elif is_told and isinstance(event, PartPiece) and len(purpose) < LONGEST_PURPOSE:
            purpose += event.content
    return purpose


async def _events(body: Body, content_type: bytes) -> AsyncIterator[Event]:
    form = MultipartReader(read_boundary(content_type.decode("latin-1")))
    async for piece in slices_of(body):
        for event in form.feed(piece):
            yield event
    form.finish()


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
