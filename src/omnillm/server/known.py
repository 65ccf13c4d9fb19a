"""Heads that came before and are not read again: an SDK's are the same with every call, but for the length of the body.

A connection knows its newest one by its bytes. A front knows those that came twice, whichever connection brought them, by a keyed digest
of their bytes: what it holds has no credential in it, so that nobody's secret outlives his connection. That a head is known says only how
it was read; whether it still leads where it led is asked each time (`Application.is_current`).
"""

import secrets
from functools import lru_cache
from hashlib import blake2b
from typing import Final, Generic, TypeVar

from msgspec.structs import replace

from omnillm.server.requests import Request

LENGTH: Final = b"\r\ncontent-length: "
MOST_DIGITS: Final = 15
"""Of a length. llhttp takes more, and refuses what 64 bits do not hold."""
LONGEST: Final = 4096
"""Bytes of a head that is worth knowing."""
GENERATION: Final = 16_384
GENERATION_BYTES: Final = 16 * 1024 * 1024
UNKNOWN: Final = Request(method="", path="", http_minor=1)
"""That of a head of which nothing is known yet: it leads nowhere."""
KeptT = TypeVar("KeptT")


class Generations(Generic[KeptT]):
    """A table that forgets what nobody asked for while a whole generation of others came: it holds two, the younger one being filled."""

    __slots__ = ("_most", "_most_bytes", "_old", "_young", "_young_bytes")

    def __init__(self, most: int, most_bytes: int) -> None:
        """A generation is full at so many entries, or with so many bytes of them."""
        self._most = most
        self._most_bytes = most_bytes
        self.clear()

    def clear(self) -> None:
        self._young: dict[bytes, tuple[KeptT, int]] = {}
        self._old: dict[bytes, tuple[KeptT, int]] = {}
        self._young_bytes = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> KeptT | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is None:
                return None
            self.put(key, *found)
        return found[0]

    def put(self, key: bytes, value: KeptT, size: int) -> None:
        _, replaced = self._young.pop(key, (None, 0))
        self._young_bytes -= replaced
        if len(self._young) >= self._most or self._young_bytes + size > self._most_bytes:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        self._young[key] = value, size
        self._young_bytes += size


class KnownHead:
    """A head by the bytes before and behind its length, and what a request is that comes with it."""

    __slots__ = ("_after", "_before", "_digits_end", "_request", "_start", "digest", "end")

    def __init__(self, before: bytes, after: bytes, digest: bytes, request: Request) -> None:
        self._before = before
        self._after = after
        self._start = len(before)
        self._digits_end = len(before) + MOST_DIGITS + 1
        self._request = request
        self.digest = digest
        """Of both, keyed."""
        self.end = 0
        """Where the head ended that came last, in the input that it began."""

    def again(self, data: bytes) -> Request | None:
        """The request of a head that is this one, whatever its length, and begins `data`; None: another does, or not all of it is there."""
        if not data.startswith(self._before):
            return None
        start = self._start
        end = data.find(b"\r", start, self._digits_end)
        digits = data[start:end]
        if not (digits.isdigit() and data.startswith(self._after, end)):
            return None
        self.end = end + len(self._after)
        return replace(self._request, length=int(digits))

    def learn(self, head: bytes, request: Request) -> Request | None:
        """`head` was read, and led to `request`: so it will again. None: its length is spelt as few are, and it is read each time."""
        if self._before + b"%d" % request.length + self._after != head:
            return None
        self._request = Request(
            method=request.method,
            path=request.path,
            http_minor=request.http_minor,
            is_last=request.is_last,
            expects_continue=request.expects_continue,
            context=request.context,
        )
        return self._request


Kept = tuple[Request, object]
"""How a head was read, which is the same for most clients of a path and shared by them; and the context that it led to, its own."""


@lru_cache(maxsize=1024)
def _shared(method: str, path: str, http_minor: int, is_last: bool, expects_continue: bool) -> Request:  # noqa: FBT001  a key
    return Request(method=method, path=path, http_minor=http_minor, is_last=is_last, expects_continue=expects_continue)


class KnownHeads:
    """What the heads of all connections of a front led to, for whoever brings them again.

    One is taken in when it comes for the second time: a head that has something of its own in each call (a trace, an id) leaves only its
    digest here, and drives out nothing. At most 2 x 16,384 heads are held and 2 x 16 MiB of them; what is looked for now and then stays.
    """

    __slots__ = ("_key", "_known", "_longest", "_seen")

    def __init__(self, *, longest: int) -> None:
        """`longest`: bytes that a head may have at all."""
        self._key = secrets.token_bytes(32)
        self._longest = min(LONGEST, longest - MOST_DIGITS)
        self._known: Generations[Kept] = Generations(GENERATION, GENERATION_BYTES)
        self._seen: Generations[bool] = Generations(GENERATION, GENERATION_BYTES)

    def __len__(self) -> int:
        return len(self._known)

    def forget(self) -> None:
        """None of them leads where it did."""
        self._known.clear()

    def find(self, head: bytes) -> KnownHead | None:
        """What is known of it, or can be; a request of `UNKNOWN`'s has no context. None: it is not worth knowing."""
        cut = self._cut(head)
        if cut is None:
            return None
        before, after = cut
        digest = blake2b(before + after, key=self._key, digest_size=16).digest()
        kept = self._known.get(digest)
        return KnownHead(before, after, digest, UNKNOWN if kept is None else replace(kept[0], context=kept[1]))

    def keep(self, known: KnownHead, head: bytes, request: Request) -> bool:
        """`head` was read, and led to `request`, of which the application said that it may be kept. False: it cannot be known."""
        kept = known.learn(head, request)
        if kept is None:
            return False
        if self._seen.get(known.digest):
            read = _shared(kept.method, kept.path, kept.http_minor, kept.is_last, kept.expects_continue)
            self._known.put(known.digest, (read, kept.context), len(head))
        else:
            self._seen.put(known.digest, True, len(known.digest))
        return True

    def _cut(self, head: bytes) -> tuple[bytes, bytes] | None:
        """What stands before and behind the digits of the length; None: there is no length in its usual form, or the head is too long.

        The first part ends with the first `LENGTH` there is, so both together name one place of the cut.
        """
        if len(head) > self._longest:
            return None
        start = head.lower().find(LENGTH) + len(LENGTH)
        if start < len(LENGTH):
            return None
        return head[:start], head[head.find(b"\r\n", start) :]
