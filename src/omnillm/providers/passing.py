"""Which of a client's header fields a provider gets: an allowlist. The result is kept for requests with the same fields."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final

PASSED: Final = ("accept", "anthropic-beta", "anthropic-version", "idempotency-key", "openai-beta", "user-agent")
STAINLESS: Final = b"x-stainless-"
IDEMPOTENCY_KEY: Final = b"idempotency-key"
SHARED_BYTES: Final = 2048
"""Results are kept only for fields that are shorter, and not of a single call."""
STAINLESS_NAMES: Final = (
    *("arch", "async", "helper-method", "lang", "os", "package-version", "poll-helper", "raw-response", "read-timeout"),
    *("retry-count", "runtime", "runtime-version", "stream-helper", "timeout"),
)
"""The usual `x-stainless-` fields, so that most calls find them in the table."""
USUAL_DROPPED: Final = (
    *("accept-encoding", "accept-language", "api-key", "authorization", "connection", "content-length", "content-type", "cookie"),
    *("host", "openai-organization", "openai-project", "x-api-key", "x-goog-api-client", "x-goog-api-key"),
)
"""Whatever `PASSED` does not name is dropped; these stand in the table so that most heads are written without comparing prefixes."""
OF_A_PROTOCOL: Final = (b"anthropic-", b"openai-", STAINLESS)
"""Beginnings of the fields that only a client's own protocol understands."""

_LABELS = {name.encode(): b"" for name in USUAL_DROPPED} | {
    name.encode(): f"\r\n{name}: ".encode() for name in (*PASSED, *(STAINLESS.decode() + name for name in STAINLESS_NAMES))
}


class Fields(dict[bytes, bytes]):
    """A client's fields by lower-cased names. Requests share them, so they are never changed; `written`: rule -> what it made of them."""

    __slots__ = ("is_shared", "written")

    def __init__(self, found: Mapping[bytes, bytes], *, is_shared: bool = False) -> None:
        super().__init__(found)
        self.is_shared = is_shared
        """Requests with the same fields share this object."""
        self.written: dict[Passing, bytes] = {}

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none because it may change
        return id(self)


def tellable(headers: Mapping[bytes, bytes], passed: Collection[bytes] = ()) -> Fields:
    """Those of a client's fields that any provider may be told: nothing in them is the client's credential.

    `passed`: names that some provider is told beside those that all are. Callers with the same fields share what is made of them.
    """
    kept = {name: value for name, value in headers.items() if name in passed or _LABELS.get(name) or name.startswith(STAINLESS)}
    if IDEMPOTENCY_KEY in kept or sum(map(len, kept.values())) > SHARED_BYTES:
        return Fields(kept)
    return _shared(tuple(kept.items()))


@lru_cache(maxsize=1024)
def _shared(items: tuple[tuple[bytes, bytes], ...]) -> Fields:
    return Fields(dict(items), is_shared=True)


class Passing:
    """One provider's rule; those of the same rule are one (`passing`)."""

    __slots__ = ("_fallbacks", "_is_neutral", "_labels")

    def __init__(
        self, dropped: frozenset[str], fallbacks: tuple[tuple[str, str], ...], passed: tuple[str, ...] = (), *, is_neutral: bool = False
    ) -> None:
        self._is_neutral = is_neutral
        own = {name.encode(): f"\r\n{name}: ".encode() for name in passed}
        self._labels = _LABELS | own | dict.fromkeys((name.encode() for name in dropped), b"")
        self._fallbacks = tuple((name.encode(), f"\r\n{name}: {value}".encode()) for name, value in fallbacks if name not in dropped)

    def write(self, headers: Mapping[bytes, bytes]) -> bytes:
        """What is passed on of these, and what is said in the place of those that are not there, each begun by CRLF."""
        if not isinstance(headers, Fields):
            return self._write(headers)
        written = headers.written.get(self)
        if written is None:
            written = headers.written[self] = self._write(headers)
        return written

    def fallbacks(self, headers: Mapping[bytes, bytes]) -> list[bytes]:
        return [field for name, field in self._fallbacks if name not in headers]

    def _write(self, headers: Mapping[bytes, bytes]) -> bytes:
        if self._is_neutral:
            headers = {name: value for name, value in headers.items() if not name.startswith(OF_A_PROTOCOL)}
        labels = self._labels
        pieces: list[bytes] = []
        for name, value in headers.items():
            label = labels.get(name)
            if label:
                pieces += (label, value)
            elif label is None and name.startswith(STAINLESS):
                pieces.append(b"\r\n" + name + b": " + value)
        return b"".join((*pieces, *self.fallbacks(headers)))


@lru_cache(maxsize=256)
def passing(
    dropped: frozenset[str], fallbacks: tuple[tuple[str, str], ...], passed: tuple[str, ...] = (), *, is_neutral: bool = False
) -> Passing:
    """The rule that drops these names beside all that is dropped anyway, and says `fallbacks` where the client says nothing.

    `passed`: what goes through beside all that does anyway. `is_neutral`: the client speaks another protocol than the provider, to which
    nothing is said of what only the client's own understands.
    """
    return Passing(dropped, fallbacks, passed, is_neutral=is_neutral)
