"""What `docs/testing.md` says of the fake provider is all that there is of it."""

import inspect
import re
from collections.abc import Iterable

import pytest
from msgspec.structs import fields
from tests.docs.pages import ROOT, names, rows, section

from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, Logged
from omnillm.testing.hosts import HOSTS
from omnillm.testing.replies.reading import WORDS

PAGE = (ROOT / "docs/testing.md").read_text()


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("argument", inspect.signature(FakeProvider).parameters),
        ("behaviour", [field.name for field in fields(Behaviour)]),
        ("fault", [field.name for field in fields(Fault)]),
        ("record", [field.name for field in fields(Logged)]),
    ],
)
def test_every_option_is_told(header: str, known: Iterable[str]) -> None:
    """And none that is not there."""
    told = [name for row in rows(PAGE, header) for name in names(row[0])]
    assert sorted(told) == sorted(known)


def test_every_fault_pose_and_marker_is_told() -> None:
    """By its name."""
    assert sorted(name for row in rows(PAGE, "kind") for name in names(row[1])) == sorted(FAULTS)
    assert set(HOSTS) <= set(names(section(PAGE, "Arguments")))
    markers = [marker for row in rows(PAGE, "in the prompt") for marker in names(row[0])]
    words = re.findall(r"[a-z]+", WORDS.pattern.replace("tools?", "tool tools"))
    assert sorted(words) == sorted(WORDS.findall(" ".join(markers)))
