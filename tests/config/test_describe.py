"""`omnillm check` tells where native calls go, what passes beyond the kind's own paths, and what the ledger keeps of replies."""

from omnillm.config.describe import describe
from omnillm.config.load import parse


def test_native_calls_are_told() -> None:
    """A line for each prefix and each provider that allows more."""
    text = (
        "server: {native: {openai: p}}\nproviders: {p: {kind: openai, keys: [{label: a, key: sk-x}], passthrough: ['/vector_stores*']}}\n"
    )
    told = describe(parse(text, {}))
    assert "native calls below /openai go to provider p" in told
    assert "passed through to provider p, beside what its kind allows: /vector_stores*" in told


def test_kept_replies_are_said() -> None:
    """What models wrote lies in the ledger then, which nobody should find out by chance."""
    text = "providers: {p: {kind: openai, keys: [{label: a, key: sk-x}]}}\ncalls: {idempotency: {store_replies: true, ttl: 2h}}\n"
    [line] = [line for line in describe(parse(text, {})) if line.startswith("store")]
    assert line.endswith("replies to calls with an idempotency key for 2 hours")
