"""What vendors say of their prices stands in the list, and on the page that tells of it."""

import json
import re

import pytest
from scripts.vendor_prices import STATEMENTS, read_statements
from tests.docs.pages import ROOT

LIST = json.loads((ROOT / "src/omnillm/pricing/catalog.json").read_bytes())
PAGE = (ROOT / "docs/prices.md").read_text("utf-8")
SAID = read_statements(STATEMENTS.read_text("utf-8"))


def test_every_statement_is_in_the_list() -> None:
    """Whole ones are what their models cost; the others set what they name. Otherwise: scripts/update_catalog.py."""
    for said in (each for each in SAID if not each.begins):
        known = LIST["models"][said.section]
        aliases = LIST["aliases"].get(said.section, {})
        for name in said.names(known):
            listed = known[aliases.get(name, name)]
            if said.is_whole and said.factor == 1:
                assert listed["input"] == int(said.rates["", 0, "input"] * 1_000_000_000), name
            assert {tool: int(fee * 1_000_000_000_000) for tool, fee in said.tools.items()}.items() <= listed.get("tools", {}).items()
            assert said.limits.items() <= listed.items(), name
            assert listed.get("uncapped", False) >= said.is_uncapped
            assert listed.get("unbounded", False) >= said.is_unbounded


def test_what_is_announced_is_in_the_list() -> None:
    """Under the name that is listed, where the statement has another of its names."""
    for said in (each for each in SAID if each.begins):
        aliases = LIST["aliases"].get(said.section, {})
        models = {aliases.get(name, name) for name in said.names(LIST["models"][said.section])}
        assert models <= LIST["announced"][said.begins][said.section].keys()


def test_every_statement_tells_where_and_when() -> None:
    """A page of the vendor's, which the page of prices names, and a day that has been."""
    for said in SAID:
        assert said.source.startswith("https://")
        assert said.source in PAGE
        assert re.fullmatch(r"2026-\d\d-\d\d", said.seen)
        assert said.seen <= LIST["date"]


@pytest.mark.parametrize(
    "told",
    [
        {"section": "a", "models": ["m"], "source": "https://x"},
        {"section": "a", "models": ["m"], "source": "https://x", "seen": "2026-11-29", "price": 1},
        {"section": "a", "models": ["m"], "source": "https://x", "seen": "2026-11-29", "rates": {"dear input": 1}},
    ],
)
def test_what_is_no_statement_is_refused(told) -> None:
    """Without a day, with a member too many, or with a rate that nobody charges."""
    with pytest.raises(ValueError):
        read_statements(json.dumps([told]))
