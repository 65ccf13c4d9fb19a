"""Makes the bytes of a reply, in order, with its fault. Pure: `exchange.py` sends them."""

import zlib
from collections.abc import Iterator

import msgspec

from omnillm.testing.faults import Action, Fault
from omnillm.testing.replies.speaker import Piece

REASONS = {
    200: b"OK",
    204: b"No Content",
    307: b"Temporary Redirect",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    408: b"Request Timeout",
    409: b"Conflict",
    413: b"Payload Too Large",
    422: b"Unprocessable Entity",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
LAST_CHUNK = b"0\r\n\r\n"
HUGE_FIELD_BYTES = 1 << 20
ENDS_CONNECTION = frozenset({"close", "http10", "long_length", "unended_chunks"})
CHUNKED = frozenset({"unended_chunks", "trailers", "length_and_chunked"})


class Reply(msgspec.Struct, kw_only=True):
    """A reply before it is bytes."""

    status: int
    fields: dict[str, str]
    pieces: list[Piece]
    is_chunked: bool
    is_head_only: bool = False
    """The answer to a HEAD, or a 204."""
    keeps_alive: bool = True
    generated: int = 0
    """Output tokens that exist before the first byte goes out."""


class Step(msgspec.Struct):
    """Bytes, then perhaps an action; `output_tokens` were generated once the bytes are out."""

    raw: bytes
    output_tokens: int = 0
    action: Action = ""


def plan(reply: Reply, fault: Fault) -> list[Step]:
    """The steps of a delivery. After `reset` and `close` there are none."""
    if fault.is_compressed:
        reply = _compressed(reply)
    steps = [Step(fault.preamble + _head(reply, fault), reply.generated), *_body(reply, fault)]
    if fault.surplus:
        steps.append(Step(fault.surplus, steps[-1].output_tokens))
    steps = _interrupted(steps, fault, reply)
    if fault.framing in ENDS_CONNECTION or not reply.keeps_alive:
        steps.append(Step(b"", steps[-1].output_tokens, "close"))
    return list(_split(steps, fault.piece_bytes)) if fault.piece_bytes else steps


def _compressed(reply: Reply) -> Reply:
    packer = zlib.compressobj(wbits=31)
    pieces = [msgspec.structs.replace(piece, raw=packer.compress(piece.raw) + packer.flush(zlib.Z_SYNC_FLUSH)) for piece in reply.pieces]
    pieces.append(Piece(packer.flush(), pieces[-1].output_tokens if pieces else 0, "terminal"))
    return msgspec.structs.replace(reply, pieces=pieces, fields=reply.fields | {"content-encoding": "gzip"})


def _head(reply: Reply, fault: Fault) -> bytes:
    version = b"HTTP/1.0 " if fault.framing == "http10" else b"HTTP/1.1 "
    status = b"%d %s\r\n" % (reply.status, REASONS.get(reply.status, b"Unknown"))
    named = "".join([f"{name}: {value}\r\n" for name, value in reply.fields.items()]).encode("latin-1")
    head = version + status + named + _length(reply, fault)
    if not reply.keeps_alive:
        head += b"connection: close\r\n"
    head += b"\r\n"
    return head.replace(b"\r\n", b"\n") if fault.framing == "bare_lf" else head


def _length(reply: Reply, fault: Fault) -> bytes:
    """The fields that say where the body ends, and whatever a framing fault adds."""
    framing = fault.framing
    size = sum([len(piece.raw) for piece in reply.pieces])
    if framing in {"close", "http10"} or reply.status == 204:
        return b""
    if framing == "length_and_chunked":
        return b"content-length: %d\r\ntransfer-encoding: chunked\r\n" % size
    if framing == "two_lengths":
        return b"content-length: %d\r\ncontent-length: %d\r\n" % (size, size + 1)
    if framing == "long_length":
        return b"content-length: %d\r\n" % (size + 10)
    length = b"transfer-encoding: chunked\r\n" if _is_chunked(reply, fault) else b"content-length: %d\r\n" % size
    return b"x-huge: %b\r\n" % (b"h" * HUGE_FIELD_BYTES) + length if framing == "huge_head" else length


def _is_chunked(reply: Reply, fault: Fault) -> bool:
    return fault.framing in CHUNKED or (reply.is_chunked and fault.framing in {"natural", "bare_lf", "huge_head"})


def _body(reply: Reply, fault: Fault) -> list[Step]:
    if reply.is_head_only:
        return []
    if not _is_chunked(reply, fault):
        return [Step(piece.raw, piece.output_tokens) for piece in reply.pieces]
    steps = [Step(b"%x\r\n%b\r\n" % (len(piece.raw), piece.raw), piece.output_tokens) for piece in reply.pieces if piece.raw]
    last = {"unended_chunks": b"", "trailers": b"0\r\nx-trailer: late\r\n\r\n"}.get(fault.framing, LAST_CHUNK)
    return [*steps, Step(last, steps[-1].output_tokens if steps else 0)]


def _interrupted(steps: list[Step], fault: Fault, reply: Reply) -> list[Step]:
    """The steps with the fault's action at its point."""
    action = fault.action
    if not action:
        return steps
    if fault.point == "head":
        return [Step(b"", 0, action), *steps] if action == "stall" else [Step(b"", reply.generated, action)]
    if fault.point == "end":
        return [*steps, Step(b"", steps[-1].output_tokens, action)]
    before, after = _cut_events(steps, fault.after, reply) if fault.point == "events" else _cut_bytes(steps, fault.after)
    before.append(Step(b"", before[-1].output_tokens, action))
    return before + after if action == "stall" else before


def _cut_events(steps: list[Step], count: int, reply: Reply) -> tuple[list[Step], list[Step]]:
    """After so many content events, always after those that start a stream; a plain body is one event, cut in half."""
    if not reply.is_chunked:
        half = len(steps[-1].raw) // 2 if len(steps) > 1 else 0
        return _cut_bytes(steps, half)
    place = 1
    for piece in reply.pieces:
        if piece.part == "content":
            count -= 1
        if count < 0 or piece.part in {"finish", "terminal"}:
            break
        place += 1
    return steps[:place], steps[place:]


def _cut_bytes(steps: list[Step], count: int) -> tuple[list[Step], list[Step]]:
    """After so many bytes after the head."""
    before = [steps[0]]
    for place, step in enumerate(steps[1:], 1):
        if len(step.raw) > count:
            rest = Step(step.raw[count:], step.output_tokens)
            return [*before, Step(step.raw[:count], before[-1].output_tokens)], [rest, *steps[place + 1 :]]
        before.append(step)
        count -= len(step.raw)
    return before, []


def _split(steps: list[Step], size: int) -> Iterator[Step]:
    for step in steps:
        raw = step.raw
        for start in range(0, max(len(raw) - size, 0), size):
            yield Step(raw[start : start + size], step.output_tokens)
        yield Step(raw[max(0, (len(raw) - 1) // size * size) :], step.output_tokens, step.action)
