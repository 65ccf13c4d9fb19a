"""The lines of batches: of a file of requests on its way up, and of a file of results on its way down."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final, NamedTuple

import msgspec

from omnillm.errors import BadRequest
from omnillm.framing.sse import MAX_EVENT_BYTES
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.extras import Served
from omnillm.protocols.members import has_repeated_members, read_members
from omnillm.protocols.protocol import Members
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint
from omnillm.transport.spool import Body
from omnillm.usage import NO_USAGE, Usage

SLICE_BYTES: Final = 256 * 1024
LONGEST_LINE: Final = MAX_EVENT_BYTES
URLS: Final = {"/v1/chat/completions": "openai_chat", "/v1/responses": "openai_responses"}
"""What a line may ask for, and in which protocol its body is."""
PLAIN_FIELD: Final = re.compile(rb'form-data; name="(?:purpose|expires_after\[\w+\])"\s*$', re.IGNORECASE)
"""Of a form, what is no file; whatever else there is may be one."""


class Line(msgspec.Struct, frozen=True):
    """One request of a batch."""

    protocol: str
    body: bytes


async def uploaded_lines(body: Body, content_type: bytes) -> AsyncIterator[Line]:
    """The requests in the file of a form. BadRequest: it holds anything else, so nobody can say what the batch will be."""
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
    """Without their line feeds; the loop has a turn at every slice."""
    at, tail = 0, b""
    while at < len(body):
        piece = body[at : at + SLICE_BYTES] if isinstance(body, bytes) else body.read_at(at, SLICE_BYTES)
        if not piece:
            raise BadRequest("The file became shorter while it was read.")
        at += len(piece)
        *whole, tail = (tail + piece).split(b"\n")
        for line in whole:
            yield line
        if len(tail) > LONGEST_LINE:
            raise BadRequest("A line of the file is too long.")
        await asyncio.sleep(0)
    if tail:
        yield tail


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


STEP_TOKENS: Final = 1000
"""Where prices rise with a prompt's length they do so at whole thousands; one that does not costs the dearer rate a little early."""


class Group(NamedTuple):
    """Which requests of a batch cost by the same rates."""

    model: str
    """As a result names it; "": the batch's own."""
    longest: int
    """Tokens: no prompt of them is longer. A price may depend on how long each prompt is."""
    place: str = ""
    """Where they were computed, if that was told."""
    tier: str | None = None
    """The service tier that a response was written in, as price lists call it; None: that was not told."""


class Together(NamedTuple):
    """What requests of a batch have used together."""

    usage: Usage = NO_USAGE
    requests: int = 0


class Results:
    """What a file of results says of usage, read on the side while it is on its way."""

    __slots__ = ("_endpoint", "_tail", "is_readable", "usages")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._tail = b""
        self.usages: dict[Group, Together] = {}
        """The longest prompts in whole thousands of tokens."""
        self.is_readable = True
        """False: a line is none of a result, so the sum is not the whole."""

    def feed(self, piece: bytes) -> None:
        *lines, self._tail = (self._tail + piece).split(b"\n")
        if len(self._tail) > LONGEST_LINE:
            self._tail, self.is_readable = b"", False
        for line in lines:
            self._read_line(line)

    def finish(self) -> None:
        self._read_line(self._tail)
        self._tail = b""

    def _read_line(self, line: bytes) -> None:
        if line.strip() and self.is_readable:
            try:
                self.add(msgspec.json.decode(line))
            except UNREADABLE:
                self.is_readable = False

    def add(self, result: object) -> None:
        """One result, whatever its provider wraps the reply in. One without a reply cost nothing."""
        for reply in replies_in(result):
            body = msgspec.json.encode(reply)
            peeks = (PROTOCOLS[name].peek_reply(body) for name in self._endpoint.protocols)
            peek = next((found for found in peeks if found.usage is not None), None)
            if peek is None or peek.usage is None:
                self.is_readable = False
                return
            usage, model = peek.usage, str(reply.get("model") or reply.get("modelVersion") or "")
            longest = -(-usage.prompt_tokens // STEP_TOKENS) * STEP_TOKENS
            group = Group(model, longest, peek.tier.place if isinstance(peek.tier, Served) else "")
            before = self.usages.get(group, Together())
            self.usages[group] = Together(before.usage + usage, before.requests + 1)


def replies_in(result: object) -> Iterator[dict[str, object]]:
    """OpenAI: `response.body` under a 200; Anthropic: `result.message`; Gemini: `response`."""
    told = result if isinstance(result, dict) else {}
    response, outcome = told.get("response"), told.get("result")
    if isinstance(outcome, dict) and isinstance(outcome.get("message"), dict):
        yield outcome["message"]
    elif isinstance(response, dict) and "status_code" in response:
        body = response.get("body")
        if response["status_code"] == 200 and isinstance(body, dict):
            yield body
    elif isinstance(response, dict):
        yield response
