"""What a situation may be made of, and which of it has met: every pair of features is to stand together somewhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, count
from random import Random
from typing import Final

Choice = Mapping[str, str]
"""Feature -> what it is here."""

CONFIGURED: Final[Mapping[str, tuple[str, ...]]] = {
    "store": ("memory", "sqlite"),
    "durability": ("strict", "relaxed"),
    "when_down": ("refuse", "allow"),
    "on_abort": ("cancel", "drain"),
    "hold_back": ("usual", "none", "short"),
    "queue": ("none", "some", "shallow"),
    "affinity": ("none", "session", "prefix"),
    "replies": ("forgotten", "kept", "kept small"),
    "keys": ("one", "two", "five"),
    "group": ("own", "shared"),
    "rpm": ("none", "tight", "by model"),
    "tpm": ("none", "tight"),
    "concurrency": ("none", "one", "two"),
    "selection": ("power_of_two", "random_first_fit", "weighted", "priority"),
    "strategy": ("ordered", "weighted"),
    "targets": ("one", "twin", "across"),
    "everything": ("soft", "hard", "tight"),
    "period": ("total", "day", "rolling 1h"),
    "named": ("none", "soft", "tight"),
    "own": ("none", "day", "rolling 2h"),
    "caller_limits": ("none", "rpm", "tpm", "concurrency"),
    "front": ("plain", "tls"),
    "back": ("plain", "tls"),
    "breaker": ("usual", "hasty"),
    "timeouts": ("long", "short"),
    "log": ("text", "json"),
    "sick": ("none", "dead", "limited", "failing", "stalling", "rpm", "poor"),
    "told": ("words", "cached", "thoughts"),
    "served": ("as asked", "as asked", "default", "priority"),
    "admin": ("beside", "apart"),
    "retention": ("long", "long", "an hour"),
}
"""Of a configuration, and of the provider behind it."""

CALLED: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": (
        *("openai_chat", "openai_responses", "anthropic_messages", "gemini") * 4,
        *("gemini_interactions",) * 2,
        *("embeddings", "image", "speech", "transcription", "rerank", "moderation", "count"),
        *("models", "upload", "batch", "list", "live", "live gemini", "background"),
    ),
    "model": ("fast", "claude", "gemini", "host", "cloud", "wild-one", "openai/fake-small", *("fast", "claude", "gemini") * 3, "unknown"),
    "shape": ("words", "tool", "think", "image", "choices", "long", "huge", "follow"),
    "is_stream": ("plain", "stream"),
    "cap": ("none", "small", "large"),
    "tier": (*("none",) * 4, "priority", "flex"),
    "fault": (*("none",) * 3, "once", "once", "twice", "always"),
    "end": (*("read",) * 6, "at once", "bytes", "in the request", "half", "late"),
    "idempotency": (*("none",) * 5, "fresh", "fresh", "repeated", "other body"),
    "caller": (*("first", "second", "made") * 4, "nobody"),
    "deadline": ("usual", "usual", "usual", "short"),
    "framed": ("length", "length", "chunked", "session", "known", "old", "expecting"),
    "path": ("root", "root", "prefix", "provider"),
    "connection": ("new", "new", "kept", "piped"),
}
"""Of a call."""

EVENTS: Final = ("nothing", "reload", "reload", "bad reload", "keys", "revive", "look", "time", "restart", "batches", "outage", "outage")
"""What happens beside the calls of an act."""


class Met:
    """Which pairs of features have stood together."""

    def __init__(self) -> None:
        self.pairs: set[frozenset[tuple[str, str]]] = set()

    def count(self, chosen: Choice) -> int:
        """How many pairs of these have not met yet."""
        return sum(frozenset(pair) not in self.pairs for pair in combinations(chosen.items(), 2))

    def note(self, chosen: Choice) -> None:
        self.pairs.update(map(frozenset, combinations(chosen.items(), 2)))

    def missing(self, features: Mapping[str, Sequence[str]]) -> list[frozenset[tuple[str, str]]]:
        """Of all pairs of these features."""
        return [pair for pair in map(frozenset, _all_pairs(features)) if pair not in self.pairs]


def _all_pairs(features: Mapping[str, Sequence[str]]) -> Iterable[tuple[tuple[str, str], tuple[str, str]]]:
    for (one, of_one), (other, of_other) in combinations(features.items(), 2):
        yield from (((one, a), (other, b)) for a in dict.fromkeys(of_one) for b in dict.fromkeys(of_other))


def draw(features: Mapping[str, Sequence[str]], dice: Random, met: Met, *, of: int = 8) -> dict[str, str]:
    """Of so many by chance the one in which the most pairs meet for the first time."""
    drawn = [{name: dice.choice(values) for name, values in features.items()} for _ in range(of)]
    return max(drawn, key=met.count)


def situations() -> Iterator[Choice]:
    """Configurations without end: each is chosen for the pairs that those before it lack."""
    met = Met()
    for seed in count():
        chosen = draw(CONFIGURED, Random(seed), met, of=20)
        met.note(chosen)
        yield chosen
