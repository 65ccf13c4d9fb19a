"""The pages of `docs/providers/` say what the code does."""

import re

from scripts.provider_table import PAGE, page
from tests.docs.pages import ROOT, blocks, names, rows
from tests.in_turn import in_turn

from omnillm.config.describe import describe
from omnillm.config.load import parse
from omnillm.providers.kinds import KINDS

PAGES = sorted((ROOT / "docs/providers").glob("*.md"))


@in_turn("page", PAGES, ids=lambda page: page.stem)
def test_every_configuration_on_a_page_is_one(page) -> None:
    """Each block is read as the file would be, its variables set, and its providers can be described."""
    for block in blocks(page, "yaml"):
        env = dict.fromkeys(re.findall(r"\$\{(\w+)", block), "sk-example-0123456789")
        env |= {name: f"{value}-{name}" for name, value in env.items()}
        assert describe(parse(block, env))


def test_every_kind_has_a_page_with_a_configuration() -> None:
    """A kind that nobody can look up is not there."""
    told = {kind for page in PAGES for block in blocks(page, "yaml") for kind in re.findall(r"kind: (\w+)", block)}
    assert told >= KINDS.keys()


def test_the_table_of_hosts_is_so() -> None:
    """Addresses, protocols and caps, as the data has them."""
    page = (ROOT / "docs/providers/openai_compatible.md").read_text()
    told = {names(cells[0])[0]: cells for cells in rows(page, "kind")}
    for kind, (_, base_url, protocols, cap, _) in told.items():
        profile = KINDS[kind]
        assert names(base_url) == ([profile.base_url.reveal()] if profile.base_url else [])
        spoken, _, pinned = protocols.partition(";")
        assert tuple(names(spoken)) == profile.protocols
        assert {*names(spoken), *names(pinned)} == {*profile.protocols, *profile.pinnable}
        assert (names(cap), "only" in cap) == ([profile.chat_cap_member] if "openai_chat" in names(protocols) else [], profile.has_one_cap)


def test_the_table_of_support_is_the_registry() -> None:
    """Otherwise: make matrix."""
    assert PAGE.read_text("utf-8") == page()
