"""Quota groups and model classes: which limits and cooldowns are shared."""

from tests.in_turn import in_turn
from tests.keys.desk import Desk, key

from omnillm.keys.group import MODELS_MOST, Group
from omnillm.keys.terms import ModelLimits
from omnillm.outcome import Headroom, Verdict
from omnillm.pattern import matches


def leased(desk, label, model="m", tokens=1):
    """How many calls the key takes now, at most 100."""
    count = 0
    while count < 100 and desk.lease(model, tokens, pinned=label) is not None:
        count += 1
    return count


def test_keys_of_one_group_share_its_windows():
    """One account's limit, whichever of its keys is used."""
    desk = Desk(key("a", group="g", rpm=5), key("b", group="g", rpm=5), key("c", rpm=5))
    assert leased(desk, "a") == 5
    assert leased(desk, "b") == 0
    assert leased(desk, "c") == 5


def test_keys_without_a_group_are_each_their_own():
    """Even when another key's group bears their label."""
    desk = Desk(key("a", rpm=5), key("b", group="a", rpm=5))
    assert leased(desk, "a") == 5
    assert leased(desk, "b") == 5


def test_where_keys_of_a_group_disagree_the_smallest_limit_holds():
    """0 is no limit and no disagreement."""
    desk = Desk(key("a", group="g", rpm=5), key("b", group="g", rpm=3), key("c", group="g"))
    assert leased(desk, "a") == 3


def test_concurrency_is_the_keys_own():
    """It protects one credential's connections, not the account."""
    desk = Desk(key("a", group="g", max_concurrency=2), key("b", group="g", max_concurrency=3))
    assert leased(desk, "a") == 2
    assert leased(desk, "b") == 3


def test_models_of_one_pattern_share_its_windows():
    """They are one class; a model that no pattern names has only the account's limits."""
    limits = (ModelLimits(pattern="gpt-4*", rpm=3), ModelLimits(pattern="gpt-*", rpm=2))
    desk = Desk(key("a", limits=limits, rpm=50))
    assert leased(desk, "a", "gpt-4.1") == 3
    assert leased(desk, "a", "gpt-4o") == 0
    assert leased(desk, "a", "gpt-5") == 2
    assert leased(desk, "a", "o3") == 45


def test_a_class_has_its_limit_in_tokens_and_in_a_day():
    """Whichever is tightest."""
    desk = Desk(key("a", limits=(ModelLimits(pattern="m", tpm=100),)), key("b", limits=(ModelLimits(pattern="m", rpd=2),)))
    assert leased(desk, "a", tokens=30) == 3
    assert leased(desk, "b") == 2
    desk.now += 3600.0
    assert leased(desk, "a", tokens=30) == 3
    assert leased(desk, "b") == 0
    desk.now += 90_000.0
    assert leased(desk, "b") == 2


def test_a_cooldown_is_the_class_of_the_whole_group():
    """The other models of the class rest too, others do not."""
    desk = Desk(key("a", group="g", limits=(ModelLimits(pattern="gpt-4*", rpm=90),)), key("b", group="g"))
    desk.call(Verdict.RATE_LIMITED, on="a", model="gpt-4.1")
    assert not desk.is_leasable("b", "gpt-4o")
    assert desk.is_leasable("b", "gpt-5")


def test_the_probe_of_a_class_is_one_for_the_whole_group():
    """Its other keys wait for what it finds."""
    desk = Desk(key("a", group="g"), key("b", group="g"))
    desk.call(Verdict.RATE_LIMITED, on="a")
    desk.wait_for("a")
    probe = desk.lease(pinned="b")
    assert probe.probes
    assert not desk.is_leasable("a")
    desk.end(probe)
    assert desk.is_leasable("a")


@in_turn(
    ("headroom", "tokens", "most"),
    [
        (Headroom(requests_left=3), 1, 3),
        (Headroom(tokens_left=100), 30, 3),
        (Headroom(requests_left=3, tokens_left=30), 30, 1),
        (Headroom(requests_left=3, tokens_left=1000), 1, 3),
        (Headroom(requests_left=500), 1, 20),
        (Headroom(), 1, 20),
    ],
)
def test_headers_narrow_and_never_widen(headroom, tokens, most):
    """What the provider says is left binds beside our own windows, which hold 20 more here."""
    desk = Desk(key("a", rpm=21, tpm=2000))
    desk.call(on="a", headroom=headroom)
    assert leased(desk, "a", tokens=tokens) == most


def test_headers_count_requests_and_tokens_apart():
    """What was granted before the header was made is in neither."""
    desk = Desk(key("a", rpm=1000, tpm=100_000))
    for _ in range(5):
        desk.end(desk.lease(tokens=30))
    desk.end(desk.lease(tokens=30), headroom=Headroom(requests_left=3, tokens_left=70))
    assert [desk.lease(tokens=tokens) is not None for tokens in (30, 30, 11, 10, 0)] == [True, True, False, True, False]


@in_turn(("reset", "until"), [(5.0, 5.0), (None, 60.0), (-3.0, 0.0), (1e9, 3600.0)])
def test_headers_bind_until_they_reset(reset, until):
    """A minute when they do not tell, an hour at most."""
    desk = Desk(key("a"))
    desk.call(headroom=Headroom(requests_left=0, requests_reset_s=reset))
    if until:
        assert leased(desk, "a") == 0
        desk.now += until - 0.01
        assert leased(desk, "a") == 0
        desk.now += 0.02
    assert leased(desk, "a") == 100


def test_what_was_granted_after_the_request_left_comes_off_what_its_headers_say():
    """They tell of a moment that is past."""
    desk = Desk(key("a"))
    early = desk.lease()
    for _ in range(4):
        desk.lease()
    desk.end(early, headroom=Headroom(requests_left=10), first_byte_s=0.1)
    assert leased(desk, "a") == 6


def test_the_latest_headers_win():
    """Of two streams the one that began to answer later knows better, whichever ends first."""
    desk = Desk(key("a"))
    early, late = desk.lease(), desk.lease()
    desk.now += 10.0
    desk.end(late, headroom=Headroom(requests_left=50, requests_reset_s=60.0), first_byte_s=5.0)
    desk.end(early, headroom=Headroom(requests_left=0, requests_reset_s=60.0), first_byte_s=1.0)
    assert leased(desk, "a") == 50


def test_the_latest_headers_win_for_tokens_too():
    """Each of the two is heard by itself."""
    desk = Desk(key("a"))
    early, late = desk.lease(), desk.lease()
    desk.now += 10.0
    desk.end(late, headroom=Headroom(tokens_left=30, tokens_reset_s=60.0), first_byte_s=5.0)
    desk.end(early, headroom=Headroom(tokens_left=0, tokens_reset_s=60.0), first_byte_s=1.0)
    assert leased(desk, "a") == 30


def test_headers_of_one_class_bind_it_alone():
    """Providers count by model."""
    desk = Desk(key("a", group="g"), key("b", group="g"))
    desk.call(on="a", headroom=Headroom(requests_left=0))
    assert leased(desk, "b") == 0
    assert leased(desk, "b", "n") == 100


def test_made_up_models_are_forgotten_and_resting_ones_are_not():
    """Callers may ask for any name where a route passes names through."""
    group = Group("g")
    group.configure([key("a", limits=(ModelLimits(pattern="gpt-*", rpm=1),))])
    resting = group.class_of("resting", 0.0)
    resting.cool(1e9)
    named = group.class_of("gpt-4", 0.0)
    for number in range(3 * MODELS_MOST):
        group.class_of(f"made-up-{number}", 0.0)
    assert group.class_of("resting", 0.0) is resting
    assert group.class_of("gpt-5", 0.0) is named
    assert len(group.classes()) <= MODELS_MOST + 2


def test_memory_is_bounded_though_all_made_up_models_rest():
    """Then none is idle, and those that the configuration names are kept alone."""
    group = Group("g")
    group.configure([key("a", limits=(ModelLimits(pattern="gpt-*", rpm=1),))])
    named = group.class_of("gpt-4", 0.0)
    for number in range(3 * MODELS_MOST):
        group.class_of(f"made-up-{number}", 0.0).cool(1e9)
    assert group.class_of("gpt-5", 0.0) is named
    assert len(group.classes()) <= 2 * MODELS_MOST


@in_turn(
    ("pattern", "model", "is_match"),
    [
        ("gpt-4", "gpt-4", True),
        ("gpt-4", "gpt-4o", False),
        ("*", "", True),
        ("*", "anything", True),
        ("gpt-*", "gpt-", True),
        ("gpt-*", "o3", False),
        ("*mini", "gpt-mini", True),
        ("*mini", "mini-gpt", False),
        ("a*b*c", "abc", True),
        ("a*b*c", "axxbxxc", True),
        ("a*b*c", "acb", False),
        ("a*a", "a", False),
        ("a*ab*b", "aab", False),
        ("a**b", "ab", True),
        ("gpt-?", "gpt-4", False),
        ("[a]", "a", False),
    ],
)
def test_patterns(pattern, model, is_match):
    """`*` stands for any characters, nothing else is special."""
    assert matches(pattern, model) is is_match


def test_a_key_takes_what_it_has_used_into_another_group():
    """By a reload its account is told to be shared: the minute, the day and the cooldown that it has run up are the account's."""
    limits = (ModelLimits(pattern="m", rpm=9, rpd=4), ModelLimits(pattern="d", rpd=1))
    desk = Desk(key("a", rpm=5), key("b", rpm=5, limits=limits), key("c"))
    assert (leased(desk, "a"), leased(desk, "b"), leased(desk, "b", "d")) == (5, 4, 1)
    desk.configure(key("a", group="g", rpm=12), key("b", group="g", rpm=12, limits=limits), key("c"))
    assert leased(desk, "b", "n") == 2
    desk.now += 61.0
    assert (leased(desk, "a", "m"), leased(desk, "a", "d")) == (0, 0), "the day's limits were used up"
    assert leased(desk, "a", "n") == 12


def test_a_key_that_leaves_its_group_has_used_what_the_group_has():
    """Nobody knows which of its keys did. What the key leaves behind stays there as well."""
    desk = Desk(key("a", group="g", rpm=5), key("b", group="g", rpm=5))
    assert leased(desk, "a") == 5
    desk.configure(key("a", rpm=7), key("b", group="g", rpm=7))
    assert (leased(desk, "a"), leased(desk, "b")) == (2, 2)


def test_what_a_call_comes_to_after_its_key_was_moved_counts_in_its_new_group():
    """More tokens than were reserved for it, or fewer; one that never left gives its room back; also if the key came back once more."""
    shared = (key("a", group="g", rpm=9, tpm=100), key("b", group="g", rpm=9, tpm=100))
    apart = (key("a", group="h", rpm=9, tpm=100), shared[1])
    for moves in ([shared], [shared, apart, shared]):
        desk = Desk(key("a", rpm=9, tpm=100), key("b", rpm=9, tpm=100))
        long, short = desk.lease(tokens=10, pinned="a"), desk.lease(tokens=60, pinned="a")
        unsent = desk.lease(tokens=20, is_sent=False, pinned="a")
        for keys in moves:
            desk.configure(*keys, grants=[long, short, unsent])
        assert desk.lease(tokens=11, pinned="b") is None
        desk.now += 3.0
        desk.end(unsent, Verdict.NOT_SENT)
        desk.end(short, tokens=5)
        desk.end(long, tokens=70)
        used = desk.pool.keys["b"].group.window
        if moves == [shared]:
            assert (used.requests_left(desk.now), used.tokens_left(desk.now)) == (7, 25)
        desk.now += 61.0
        assert (used.requests_left(desk.now), used.tokens_left(desk.now)) == (9, 100)


def test_a_key_without_limits_comes_into_a_group_that_has_some():
    """Nobody has counted what it used; from now on it is counted."""
    desk = Desk(key("a"))
    desk.call()
    desk.configure(key("a", group="g", rpm=3))
    assert leased(desk, "a") == 3


def test_a_pattern_that_comes_later_binds_the_models_that_were_used_before_it():
    """And one that goes binds them no more."""
    desk = Desk(key("a"))
    assert leased(desk, "a", "gpt-5") == 100
    desk.configure(key("a", limits=(ModelLimits(pattern="gpt-*", rpm=2),)))
    assert leased(desk, "a", "gpt-5") == 2
    desk.configure(key("a"))
    assert leased(desk, "a", "gpt-5") == 100


def test_a_cooldown_goes_with_the_key_into_its_new_group():
    """The provider does not heed what its accounts are called here."""
    desk = Desk(key("a"), key("b"))
    desk.call(Verdict.RATE_LIMITED, on="a", retry_after_s=30.0)
    desk.configure(key("a", group="g"), key("b", group="g"))
    assert not desk.is_leasable("b")
    assert 30.0 <= desk.rest_of("a") <= 32.0
    assert desk.is_leasable("b", "n")
