"""A call's tags beside those of its virtual key."""

from tests.in_turn import in_turn

from omnillm.server.request_fields import merge_tags


@in_turn(
    ("own", "keys", "merged"),
    [
        ("", "", ""),
        ("", "team=a", "team=a"),
        ("run=7", "", "run=7"),
        ("run=7", "team=a,env=prod", "run=7,team=a,env=prod"),
        ("run=7, team = b", "team=a,env=prod", "run=7, team = b,env=prod"),
        ("team=b,team=c", "team=a", "team=b,team=c"),
        ("team", "team=a", "team,team=a"),
    ],
)
def test_the_call_wins_and_the_rest_of_the_key_stays(own: str, keys: str, merged: str) -> None:
    """Name by name; what the call writes stands as it wrote it, and what is no tag takes the place of none."""
    assert merge_tags(own, keys) == merged


def test_together_they_are_no_longer_than_the_ledgers_indexes_take() -> None:
    """Whole tags of the key are left out, never a part of one; umlauts count twice."""
    own = "a=" + "ü" * 1000
    assert merge_tags(own, "b=" + "x" * 43 + ",c=1") == own + ",b=" + "x" * 43
    assert merge_tags(own, "b=" + "x" * 44 + ",c=1") == own
    assert merge_tags("a=1", "b=" + "ü" * 1021) == "a=1,b=" + "ü" * 1021
    assert merge_tags("a=1", "b=" + "ü" * 1022) == "a=1"
