"""Heads that came before and are not read again: an SDK's are the same with every call, but for the body's length and the trace's span.

A connection knows its newest one by its bytes. A front knows those that came twice, whichever connection brought them, by a keyed digest
of their bytes: what it holds has no credential in it, so that no secret outlives the connection that brought it. That a head is known says
only how it was read; whether it still leads where it led is asked each time (`Application.is_current`).
"""

import re
import secrets
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from omnillm.server.front.bounded_table import BoundedTable, Entry
from omnillm.server.front.requests import Request
from omnillm.trace_context import TraceFields

LENGTH: Final = b"\r\ncontent-length: "
LENGTH_ENDS: Final = len(LENGTH)
MOST_DIGITS: Final = 15
"""Of a length. llhttp takes more, and refuses what 64 bits do not hold."""
TRACEPARENT: Final = b"\r\ntraceparent:"
TRACESTATE: Final = b"\r\ntracestate:"
_PARENT: Final = re.compile(rb"\r\n(?i:traceparent): ([0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})\r\n")
_STATE: Final = re.compile(rb"\r\n(?i:tracestate): ([!-~]|[!-~][ -~]*[!-~])\r\n")
"""As everybody writes them: without a character that llhttp refuses, and with none around them that it drops."""
LONGEST: Final = 4096
"""Bytes of a head that is worth knowing."""
HALF: Final = 16_384
"""Heads in each half of the table, and `HALF_BYTES` of them."""
HALF_BYTES: Final = 16 * 1024 * 1024


class KnownHead:
    """A head, as the bytes before and behind the digits of its length, and the request that comes with it."""

    __slots__ = ("_after", "_before", "_digits_end", "_request", "_start", "end")

    def __init__(self, sighting: "Sighting", request: Request) -> None:
        head = sighting.head
        self._before = head[: sighting.start]
        self._after = head[sighting.end :]
        self._start = sighting.start
        self._digits_end = sighting.start + MOST_DIGITS + 1
        self._request = Request(
            method=request.method,
            path=request.path,
            http_minor=request.http_minor,
            is_last=request.is_last,
            expects_continue=request.expects_continue,
            context=request.context,
        )
        self.end = 0
        """Where in the input the head ends that `match` found last."""

    def match(self, data: bytes) -> Request | None:
        """The request, if `data` begins with this head, whatever length it says; None: with another head, or not with all of it yet."""
        if not data.startswith(self._before):
            return None
        start = self._start
        end = data.find(b"\r", start, self._digits_end)
        digits = data[start:end]
        if not (digits.isdigit() and data.startswith(self._after, end)):
            return None
        self.end = end + len(self._after)
        return replace(self._request, length=int(digits))


class Kept(Entry, frozen=True, gc=False):
    """What is kept of a head: how it was read, one object for all that read alike, and the context that it led to."""

    request: Request
    context: object


class Sighting(Struct, frozen=True, gc=False):
    """A head that may be known, by its digest."""

    digest: bytes
    """Keyed, of `head` without the digits of its length."""
    head: bytes
    """Without the values of its trace's fields."""
    start: int
    """The digits of its length are `head[start:end]`."""
    end: int
    trace: TraceFields | None
    request: Request | None = None
    """What a request is that comes with it; None: of this head nothing is known yet."""

    def __repr__(self) -> str:
        """Without the head: it bears a credential."""
        return f"Sighting({self.request!r})"


SEEN: Final = Entry(16)
"""Of a head that came once: its digest, and nothing more."""


@lru_cache(maxsize=1024)
def _shared(method: str, path: str, http_minor: int, is_last: bool, expects_continue: bool) -> Request:  # noqa: FBT001  a key
    return Request(method=method, path=path, http_minor=http_minor, is_last=is_last, expects_continue=expects_continue)


class KnownHeads:
    """What the heads of all connections of a front led to, for whoever brings them again.

    One is taken in when it comes for the second time: a head that has something of its own in each call (an id, say) leaves only its
    digest here, and drives out nothing. At most 2 x 16,384 heads are held and 2 x 16 MiB of them; what is looked for now and then stays.
    """

    __slots__ = ("_key", "_known", "_longest", "_seen")

    def __init__(self, *, longest: int) -> None:
        """`longest`: bytes that a head may have at all."""
        self._key = secrets.token_bytes(32)
        self._longest = min(LONGEST, longest - MOST_DIGITS)
        self._known: BoundedTable[Kept] = BoundedTable(HALF, HALF_BYTES)
        self._seen: BoundedTable[Entry] = BoundedTable(HALF, HALF_BYTES)

    def __len__(self) -> int:
        return len(self._known)

    def forget(self) -> None:
        """Forget where all of them led."""
        self._known.clear()

    def find(self, head: bytes) -> Sighting | None:
        """What is known of it. None: it is not worth knowing: it is too long, or its length or its trace is not in its usual form.

        The digits are left out of the digest, and no other head has the same: they always begin behind the first `LENGTH` that there is.
        So are the values of a trace's fields, each of which stands once.
        """
        if len(head) > self._longest:
            return None
        lowered, trace = head.lower(), None
        if TRACEPARENT in lowered:
            head, trace = _without_trace(head, lowered)
            if trace is None:
                return None
            lowered = head.lower()
        start = lowered.find(LENGTH) + LENGTH_ENDS
        if start < LENGTH_ENDS:
            return None
        end = head.find(b"\r\n", start)
        digest = blake2b(head[:start] + head[end:], key=self._key, digest_size=16).digest()
        kept = self._known.get(digest)
        if kept is None:
            return Sighting(digest, head, start, end, trace)
        digits = head[start:end]
        if end - start > MOST_DIGITS or not digits.isdigit():
            return Sighting(digest, head, start, end, trace)
        request = replace(kept.request, context=kept.context, length=int(digits), trace=trace)
        return Sighting(digest, head, start, end, trace, request)

    def keep(self, sighting: Sighting, request: Request) -> KnownHead | None:
        """The head of `sighting` was read, and led to `request`, of which the application said that it may be kept.

        It will lead there again, with any length. The connection that brought it knows it at once, all others from its second time on.
        None: its length is spelt in an unusual way (with zeros before it), and it is read each time; or it is of a trace, and a connection
        does not know it by its bytes.
        """
        digest = sighting.digest
        if sighting.head[sighting.start : sighting.end] != b"%d" % request.length:
            return None
        if self._seen.get(digest) is None:
            self._seen.put(digest, SEEN)
        else:
            read = _shared(request.method, request.path, request.http_minor, request.is_last, request.expects_continue)
            self._known.put(digest, Kept(len(sighting.head), read, request.context))
        return KnownHead(sighting, request) if sighting.trace is None else None


def _without_trace(head: bytes, lowered: bytes) -> tuple[bytes, TraceFields | None]:
    """(the head without the values of both fields, those); None: one of them stands twice, or is spelt as nobody does."""
    parent, state = _PARENT.search(head), _STATE.search(head)
    if parent is None or lowered.count(TRACEPARENT) > 1 or lowered.count(TRACESTATE) > (state is not None):
        return head, None
    head = _cut(head, parent)
    if state is None:
        return head, TraceFields(parent[1])
    state = _STATE.search(head)
    assert state is not None
    return _cut(head, state), TraceFields(parent[1], state[1])


def _cut(head: bytes, found: re.Match[bytes]) -> bytes:
    return head[: found.start(1)] + head[found.end(1) :]
