"""Which fault a request gets. State, but no sockets."""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Mapping

import msgspec

from omnillm.testing.catalogue import FAULTS
from omnillm.testing.faults import NO_FAULT, Fault, Hint

FAULT_MARKER = re.compile(rb"\[\[fault:([a-z0-9_]+)(?:\*(\d+))?\]\]")
WINDOW_S = 60.0


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider treats one key."""

    fault: Fault | None = None
    """What every request gets."""
    first: tuple[Fault | None, ...] = ()
    """What the first requests get, in order, before `fault` holds."""
    rpm: int | None = None
    """Requests that are let through in any 60 s; the others are 429 with the exact wait."""
    words: int = 20
    """Of a reply, unless the request caps it."""
    says: str = ""
    """What every reply says, as far as the request's cap lets it; "": it repeats the prompt, or has the form of a schema."""
    cached_tokens: int = 0
    """Of the prompt, that are read from a cache: text first, then pictures, then sound."""
    heard_tokens: int = 0
    """Of sound, in every prompt beside its text, where the protocol tells them apart."""
    drawn_tokens: int = 0
    """Of a picture, in every reply after its words, where the protocol tells them apart."""
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    tier: str = ""
    """The service tier that replies name and that is served; "": the one that was asked for."""
    delay_s: float | None = None
    """Pause before each piece of a stream; 0 only lets other tasks run."""


class Window:
    """The requests of one key that were let through in the last 60 s."""

    __slots__ = ("_stamps",)

    def __init__(self) -> None:
        self._stamps: deque[float] = deque()

    def wait_s(self, now: float, limit: int) -> float:
        """Takes a slot and answers 0, or answers the seconds until one is free."""
        stamps = self._stamps
        while stamps and stamps[0] <= now - WINDOW_S:
            stamps.popleft()
        if len(stamps) < limit:
            stamps.append(now)
            return 0.0
        return max(stamps[-limit] + WINDOW_S - now, 0.001) if limit else WINDOW_S

    def __len__(self) -> int:
        return len(self._stamps)


class Script:
    """Keys with their behaviours, and the faults that are due.

    A refusal for the key's limit comes first, then `queue` (any key), the key's `first`, a marker in the prompt, the key's `fault`. The key
    "*" stands for every key without an entry of its own.
    """

    def __init__(self, keys: Mapping[str, Behaviour]) -> None:
        self._keys = dict(keys)
        self._served: Counter[str] = Counter()
        self._marked: Counter[bytes] = Counter()
        self._windows: defaultdict[str, Window] = defaultdict(Window)
        self.queue: deque[Fault | None] = deque()

    def behaviour(self, key: str) -> Behaviour | None:
        """None for an unknown key."""
        return self._keys.get(key) or (self._keys.get("*") if key else None)

    @property
    def keys(self) -> tuple[str, ...]:
        """Those with an entry of their own."""
        return tuple(self._keys)

    def behave(self, key: str, behaviour: Behaviour | None) -> None:
        """Changes a key's behaviour, which starts anew; its requests of the last 60 s still count. None withdraws the key."""
        self._served.pop(key, None)
        if behaviour is None:
            self._keys.pop(key, None)
        else:
            self._keys[key] = behaviour

    def refusal(self, key: str, behaviour: Behaviour, now: float) -> Fault | None:
        """The 429 of a key that is over its requests per minute."""
        if behaviour.rpm is None:
            return None
        wait_s = self._windows[key].wait_s(now, behaviour.rpm)
        return Fault(name="rpm_exceeded", http_status=429, hint=Hint(form="both", seconds=wait_s)) if wait_s else None

    def used(self, key: str) -> int:
        """Requests in the key's window."""
        return len(self._windows[key]) if key in self._windows else 0

    def fault(self, key: str, behaviour: Behaviour, body: bytes) -> Fault:
        """The fault of an admitted request."""
        if self.queue:
            return self.queue.popleft() or NO_FAULT
        served = self._served[key]
        if served < len(behaviour.first):
            self._served[key] += 1
            return behaviour.first[served] or NO_FAULT
        if b"[[fault:" in body and (marked := self._marker(body)) is not None:
            return marked
        return behaviour.fault or NO_FAULT

    def _marker(self, body: bytes) -> Fault | None:
        """`[[fault:NAME]]` always, `[[fault:NAME*2]]` for the first two requests with this body; several markers follow each other."""
        seen = self._marked[body]
        for name, times in FAULT_MARKER.findall(body):
            if name.decode() not in FAULTS:
                return Fault.status(400, message=f"no fault is called {name.decode()}")
            if not times:
                return FAULTS[name.decode()]
            if seen < int(times):
                self._marked[body] += 1
                return FAULTS[name.decode()]
            seen -= int(times)
        return None
