"""Who waits for more than most has room kept for it: smaller calls do not pass it until there is nothing left to hope for."""

import pytest
from tests.admission.desk import Desk, caller, key, pool

from omnillm.admission.asks import Lease, Refusal, Wait
from omnillm.outcome import Verdict

CALLERS = (caller("chat"), caller("agent"))
LIMIT = 1000


class Office:
    """Keys of 1,000 tokens a minute, their whole limit in use: 100 tokens of each slide out every six seconds."""

    def __init__(self, *labels, **terms):
        self.desk = Desk(pool(*[key(label, tpm=LIMIT, **terms) for label in labels or ("a",)]), callers=CALLERS)
        for _ in range(10):
            for label in labels if labels and not terms else ("a",):
                self.desk.release(self.desk.lease(tokens=100, pinned=label))
            self.desk.tick(6.0)

    def ask(self, name, tokens, queue=30.0, **terms):
        return self.desk.ask_lease(self.desk.ticket(caller=name), tokens=tokens, queue=queue, **terms)

    def flood(self, seconds, **terms):
        """How many small calls are served at once while a large one waits; one is asked for every second, and none would wait."""
        answers = []
        for _ in range(seconds):
            self.desk.tick(1.0)
            answers.append(self.ask("chat", 10, queue=0.0, **terms))
            if isinstance(answers[-1], Lease):
                self.desk.controller.sent(answers[-1].lease_id, self.desk.now)
                self.desk.release(answers[-1])
        return sum(isinstance(answer, Lease) for answer in answers)


def test_a_large_call_is_served_through_a_flood_of_small_ones():
    """It was possible within its time when it came, and it stays so; on its own key, if it must have that one."""
    for label in ("", "b"):
        office = Office("a", "b") if label else Office()
        large = office.ask("agent", 400, pinned=label)
        office.flood(30, pinned=label)
        assert isinstance(office.desk.served[large.case_id], Lease), label


def test_small_calls_have_what_the_large_one_can_spare():
    """500 tokens slide out within half of its time, and it needs 400: ten calls of 10 go before it."""
    office = Office()
    large = office.ask("agent", 400, queue=60.0)
    assert office.flood(24) == 10
    assert large.case_id not in office.desk.served
    office.flood(6)
    assert isinstance(office.desk.served[large.case_id], Lease)


def test_what_is_free_already_is_kept_at_once():
    """Also from whoever is tried behind it at the same moment."""
    office = Office()
    office.desk.tick(6.0)
    assert office.desk.key().tpm_used == LIMIT - 100
    office.ask("agent", LIMIT, queue=60.0)
    assert office.desk.key().tpm_used == LIMIT


def test_room_is_kept_for_one_call_of_an_account_at_a_time():
    """Two would both count on the same tokens to slide out, and leave nothing to anybody."""
    office = Office()
    large = office.ask("agent", 400, queue=60.0)
    office.ask("agent", 400, queue=60.0, targets=("p/other",))
    assert office.flood(24) == 10
    office.flood(6)
    assert isinstance(office.desk.served[large.case_id], Lease)


def test_other_keys_go_on():
    """Room is kept on one key alone."""
    office = Office("a", "b")
    large = office.ask("agent", 400)
    assert office.flood(20) == 20
    office.flood(10)
    assert isinstance(office.desk.served[large.case_id], Lease)


def test_keys_of_one_account_are_one():
    """Their limit is, so the room is kept in it, whichever key is asked."""
    office = Office("a", "b", group="g")
    large = office.ask("agent", 400)
    office.flood(30)
    assert isinstance(office.desk.served[large.case_id], Lease)


def test_nothing_is_kept_for_what_cannot_be_had_in_time():
    """Time alone makes none within five seconds; what a call that is out will give back, nobody knows."""
    office = Office()
    office.desk.tick(1.0)
    office.desk.lease(tokens=50)
    assert isinstance(office.ask("agent", 100, queue=5.0), Wait)
    assert isinstance(office.ask("chat", 50, queue=0.0), Lease)


@pytest.mark.parametrize("end", ["cancel", "served", "replaced"])
def test_what_was_kept_is_everybodys_when_its_call_waits_no_more(end):
    """All of the limit can be had again, and no more than that."""
    office = Office()
    large = office.ask("agent", 400)
    if end == "cancel":
        office.desk.cancel(large.case_id)
    elif end == "replaced":
        assert isinstance(office.desk.ask_lease(large.case_id, tokens=2 * LIMIT, queue=1.0), Refusal)
    else:
        office.desk.tick(29.0)
        office.desk.release(office.desk.served[large.case_id], Verdict.NOT_SENT)
    office.desk.tick(61.0)
    assert isinstance(office.ask("chat", LIMIT, queue=0.0), Lease)
    assert office.desk.key().tpm_used == LIMIT
    assert isinstance(office.ask("chat", 1, queue=0.0), Refusal)


def test_who_waits_behind_is_served_when_the_large_one_is_cancelled():
    """At once: the room was kept from them, and is theirs."""
    office = Office()
    office.desk.tick(1.0)
    large = office.ask("agent", 400)
    small = office.ask("chat", 100)
    office.desk.tick(6.0)
    waiting = [office.ask("chat", 90) for _ in range(2)]
    assert not set(office.desk.served) & {case.case_id for case in waiting}
    office.desk.cancel(large.case_id)
    assert any(case.case_id in office.desk.served for case in (small, *waiting))


def test_a_limit_that_changes_meanwhile_leaves_nothing_behind():
    """What is kept is taken off the old limits, and kept anew under the new ones."""
    office = Office()
    large = office.ask("agent", 400)
    office.desk.configure(pool(key("a", tpm=2 * LIMIT)), callers=CALLERS)
    assert isinstance(office.desk.served[large.case_id], Lease)
    assert office.desk.key().tpm_used <= LIMIT + 400


def test_a_key_that_is_taken_away_leaves_its_promise_to_another():
    """What was kept on it is kept anew among the others."""
    office = Office("a", "b")
    large = office.ask("agent", 400)
    office.desk.configure(pool(key("b", tpm=LIMIT)), callers=CALLERS)
    office.flood(30)
    assert isinstance(office.desk.served[large.case_id], Lease)


def test_the_next_room_is_kept_for_the_caller_that_was_given_less():
    """Fair in tokens: a second large call of one caller stands behind what others wait for."""
    office = Office()
    first, second = office.ask("agent", 300), office.ask("agent", 300, queue=60.0)
    small = [office.ask("chat", 150, queue=60.0) for _ in range(2)]
    for _ in range(60):
        office.desk.tick(1.0)
    assert office.desk.order == [first.case_id, *[each.case_id for each in small], second.case_id]
