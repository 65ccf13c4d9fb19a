"""The names in the requests of a batch that only one provider key knows, found in the file that a client uploads for it."""

import asyncio
from typing import Final

import msgspec

from omnillm.errors import BadRequest
from omnillm.gateway.native.batch_lines import lines_of, purpose_of
from omnillm.gateway.native.names import BEFORE, WINDOW, check_number, is_ambiguous, is_object, named_in, view_of
from omnillm.protocols.bound import responses_named
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.members import has_repeated_members, read_members
from omnillm.protocols.protocol import Bound
from omnillm.transport.spool import Body

PURPOSE: Final = b"batch"
"""The purpose in a form with a file of requests."""


class _Told(msgspec.Struct):
    purpose: str | None = None


_told = msgspec.json.Decoder(_Told).decode


def is_batch_in_parts(body: Body) -> bool:
    """Whether an upload whose parts come one by one may become the file of a batch: a name could lie across two of them.

    What is no JSON object could say anything.
    """
    try:
        if not isinstance(body, bytes) or not is_object(body) or is_ambiguous(body):
            return True
        return _told(body.lstrip(BEFORE)).purpose == PURPOSE.decode()
    except UNREADABLE:
        return False  # the provider says what is wrong with it


async def named_in_upload(body: Body, content_type: bytes, *, is_strict: bool) -> tuple[Bound, ...]:
    """What the requests of a batch name, in a form that may hold some; any other document may speak of whatever it likes.

    `is_strict`: each request is read as one that is not of a batch, too. BadRequest: somebody else could read it in another way.
    """
    view = view_of(body)
    for start in range(0, len(view), WINDOW):
        if view.find(PURPOSE, start, start + WINDOW + len(PURPOSE)) >= 0:
            named = await named_in(body)
            requests = await _named_by_requests(body, content_type) if is_strict else ()
            return named.files + named.others + requests
        await asyncio.sleep(0)
    return ()


async def _named_by_requests(body: Body, content_type: bytes) -> tuple[Bound, ...]:
    names: dict[Bound, None] = {}
    if PURPOSE not in await purpose_of(body, content_type):
        return ()
    async for line in lines_of(body, content_type):
        if line.strip():
            names |= dict.fromkeys(_named_by_request(line))
            check_number(len(names))
    return tuple(names)


def _named_by_request(line: bytes) -> tuple[Bound, ...]:
    try:
        members = read_members(line)
        asked = bytes(members.get("body", b"{}"))
        own = read_members(asked)
    except BadRequest as error:
        raise BadRequest("A line of the batch's file is no JSON object; what it names must be sure.", code="ambiguous_body") from error
    if has_repeated_members(line, members) or has_repeated_members(asked, own):
        raise BadRequest("A member stands twice in a line of the batch's file; what it names must be sure.", code="ambiguous_body")
    return responses_named(own, asked)
