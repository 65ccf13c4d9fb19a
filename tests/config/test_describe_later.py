"""`omnillm check` is honest about what this version does not do yet."""

from omnillm.config.describe import describe
from omnillm.config.load import parse


def test_what_is_not_in_force_yet_is_said() -> None:
    """A key that the file may hold but this version does not act on is never silently ignored."""
    text = "providers: {p: {kind: openai, keys: [{label: a, key: sk-x}], passthrough: ['/x']}}\n"
    [line] = [line for line in describe(parse(text, {})) if "not in force" in line]
    assert "passthrough" in line


def test_kept_replies_are_said() -> None:
    """What models wrote lies in the ledger then, which nobody should find out by chance."""
    text = "providers: {p: {kind: openai, keys: [{label: a, key: sk-x}]}}\ncalls: {idempotency: {store_replies: true, ttl: 2h}}\n"
    [line] = [line for line in describe(parse(text, {})) if line.startswith("store")]
    assert line.endswith("replies to calls with an idempotency key for 2 hours")


def test_defaults_need_no_notice() -> None:
    text = "providers: {p: {kind: openai, keys: [{label: a, key: sk-x}]}}\n"
    assert not [line for line in describe(parse(text, {})) if "not in force" in line]
