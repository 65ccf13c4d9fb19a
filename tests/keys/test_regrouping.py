"""Keys that are moved between quota groups by reloads, back and forth: what was used counts in every group that it may be the account of."""

from random import Random

import pytest
from tests.keys.desk import Desk, key
from tests.soak import rounds

from omnillm.keys.terms import ModelLimits
from omnillm.outcome import Verdict

DAYS = (ModelLimits(pattern="m", rpd=100),)
LABELS = "abc"


def arranged(*groups):
    """The three keys in these groups; "": a group of its own."""
    return [key(label, group=group, rpm=90, tpm=9000, limits=DAYS) for label, group in zip(LABELS, groups, strict=True)]


@pytest.mark.parametrize(
    "moves",
    [
        [("", "g", "g")],
        [("", "", "")],
        [("h", "g", "g"), ("h", "h", "g")],
        [("", "g", "g"), ("h", "g", "g"), ("", "", "")],
    ],
    ids=["one out", "all out", "one after the other", "and again"],
)
def test_who_is_moved_out_and_back_has_used_what_it_used_meanwhile_as_well(moves):
    """Of the minute and of the day. What comes back may count twice, and leaves with the minute all the same."""
    home = ("g", "g", "g")
    desk = Desk(*arranged(*home))
    for _ in range(5):
        desk.call(on="a")
    for groups in moves:
        desk.now += 1.0
        desk.configure(*arranged(*groups))
        desk.call(on="a")
    desk.configure(*arranged(*home))
    windows = desk.pool.keys["b"].group.class_of("m", desk.now).windows
    used = 5 + len(moves)
    assert [window.requests_limit for window in windows] == [90, 100]
    assert all(0 <= window.requests_left(desk.now) <= window.requests_limit - used for window in windows)
    desk.now += 61.0
    assert windows[0].requests_left(desk.now) == 90
    desk.now += 90_000.0
    assert windows[1].requests_left(desk.now) == 100


def test_two_groups_that_change_their_keys_have_used_both_windows_once():
    """Each may be the account of what the other had."""
    desk = Desk(*arranged("g", "h", "h"))
    for label, count in (("a", 3), ("b", 5)):
        for _ in range(count):
            desk.call(on=label)
    desk.configure(*arranged("h", "g", "g"))
    used = [desk.pool.keys[label].group.window.requests_left(desk.now) for label in "ab"]
    assert used == [90 - 8, 90 - 8]


@pytest.mark.parametrize("seed", range(rounds(40)))
def test_windows_hold_all_that_a_set_of_calls_would(seed):
    """Or more, and nothing of it for longer: however keys are moved while calls wait to be sent, are sent, come to more or less, and end."""
    dice = Random(seed)
    groups = ["", "g", "h"]
    desk = Desk(*arranged("g", "g", ""))
    held, out, tokens = {}, [], {}

    def window_of(label):
        return desk.pool.keys[label].group.window

    for _ in range(60):
        desk.now += dice.choice([0.0, 0.3, 0.5])
        match dice.choice([*["lease", "lease", "send", "end", "drop"] * 2, "move"]):
            case "lease":
                label, size = dice.choice(LABELS), dice.randrange(1, 50)
                grant = desk.lease("n", size, pinned=label, is_sent=False)
                if grant is None:
                    continue  # what came back has counted twice
                out.append(grant)
                tokens[id(grant)] = grant, size
                held.setdefault(window_of(label), set()).add(id(grant))
            case "send" if out:
                dice.choice(out).send(desk.now)
            case "end" if out:
                grant = out.pop(dice.randrange(len(out)))
                grant.send(desk.now)
                tokens[id(grant)] = grant, dice.randrange(1, 90)
                desk.end(grant, tokens=tokens[id(grant)][1])
            case "drop" if out:
                grant = out.pop(dice.randrange(len(out)))
                desk.end(grant, Verdict.NOT_SENT)
                for known in held.values():
                    known.discard(id(grant))
            case "move":
                before = {label: (window_of(label), frozenset(held.get(window_of(label), ()))) for label in LABELS}
                desk.configure(*arranged(*dice.choices(groups, k=3)), grants=out)
                for label, (window, known) in before.items():
                    if window_of(label) is not window:
                        held.setdefault(window_of(label), set()).update(known)
        for label in LABELS:
            window, known = window_of(label), held.get(window_of(label), set())
            assert window.requests_left(desk.now) <= 90 - len(known)
            assert window.tokens_left(desk.now) <= 9000 - sum(tokens[each][1] for each in known)
    for grant in out:
        desk.end(grant, Verdict.NOT_SENT)
    desk.now += 61.0
    assert {(window_of(label).requests_left(desk.now), window_of(label).tokens_left(desk.now)) for label in LABELS} == {(90, 9000)}


@pytest.mark.parametrize("verdict", [Verdict.RATE_LIMITED, Verdict.QUOTA_EXHAUSTED])
def test_a_refusal_that_comes_after_the_move_cools_both_groups(verdict):
    """Its account is that of the group which has the key now, as far as is known; the other one was said to be it when the call was sent."""
    desk = Desk(key("a", group="g"), key("b", group="g"), key("c", group="h"))
    grant = desk.lease(pinned="a")
    desk.configure(key("a", group="h"), key("b", group="g"), key("c", group="h"))
    desk.end(grant, verdict, retry_after_s=30.0)
    assert [desk.is_leasable(label) for label in "abc"] == [False] * 3
    assert [desk.pool.keys[label].group.class_of("m", desk.now).is_exhausted for label in "bc"] == [verdict is Verdict.QUOTA_EXHAUSTED] * 2
