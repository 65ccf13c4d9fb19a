from omnillm.spelling import hint, nearest


def test_the_nearest_name_is_found_in_any_case():
    """And none when nothing is close."""
    assert nearest("RMP", ["rpm", "label"]) == "rpm"
    assert nearest("zzz", ["rpm", "label"]) is None
    assert nearest("x" * 100_000, ["x" * 100_000]) == "x" * 100_000


def test_a_hint_lists_the_valid_names_only_when_they_are_few():
    """Nobody reads a thousand models."""
    assert hint("rmp", ["rpm"]) == "; did you mean rpm?"
    assert hint("zzz", ["rpm", "label"]) == "; valid: rpm, label"
    assert hint("zzz", [f"m{number}" for number in range(100)]) == ""
    assert hint("zzz", []) == ""
