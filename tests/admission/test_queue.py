"""Who waits, and who is next: fair between callers, first come first served within one."""

import pytest
from tests.admission.desk import Desk, budget, caller, key, pool

from omnillm.admission.asks import Lease, Refusal, Wait
from omnillm.outcome import Headroom

CALLERS = (caller("flood"), caller("calm"), caller("third"))


def one_key(**terms):
    return Desk(pool(key("a", **({"max_concurrency": 1} | terms))), callers=CALLERS)


class House:
    """One key for one call at a time, and callers who wait for it."""

    def __init__(self, **terms):
        self.desk = one_key(**terms)
        self.running = self.desk.lease(self.desk.ticket())
        self.who = {}

    def wait(self, name, tokens=1, queue=1000.0, **terms):
        case = self.desk.ticket(caller=name)
        self.who[case] = name
        answer = self.desk.ask_lease(case, tokens=tokens, queue=queue, **terms)
        assert isinstance(answer, Wait), answer
        return case

    def next(self):
        """Ends the call that runs; whose begins."""
        before = len(self.desk.order)
        self.desk.release(self.running)
        [case] = self.desk.order[before:]
        self.running = self.desk.served[case]
        return self.who[case]


def test_within_a_caller_first_come_is_first_served():
    """In the order of asking."""
    house = House()
    cases = [house.wait("calm") for _ in range(5)]
    for _ in cases:
        house.next()
    assert house.desk.order == cases


def test_what_one_caller_waits_for_takes_turns():
    """Calls for one model of a key do not starve those for another, however many there are and whoever came first."""
    desk = Desk(pool(key("a", max_concurrency=1)))
    lease = desk.lease()
    many = [desk.ticket() for _ in range(4)]
    few = [desk.ticket() for _ in range(2)]
    for case in many:
        desk.ask_lease(case, queue=10.0)
    for case in few:
        desk.ask_lease(case, targets=("p/n",), queue=10.0)
    for _ in range(6):
        desk.release(lease)
        lease = desk.served[desk.order[-1]]
    assert desk.order == [many[0], few[0], many[1], few[1], *many[2:]]


def test_two_callers_alternate_however_many_wait_for_one():
    """A flood does not drown anybody."""
    house = House()
    for _ in range(20):
        house.wait("flood")
    for _ in range(5):
        house.wait("calm")
    assert [house.next() for _ in range(12)] == ["flood", "calm"] * 5 + ["flood"] * 2


def test_three_callers_take_turns():
    """Round-robin for calls of one size."""
    house = House()
    for name in ("flood", "calm", "third"):
        for _ in range(3):
            house.wait(name)
    assert [house.next() for _ in range(9)] == ["flood", "calm", "third"] * 3


def test_who_asks_for_more_tokens_has_fewer_turns():
    """Fair in tokens, not in calls."""
    house = House()
    for _ in range(4):
        house.wait("flood", tokens=300)
    for _ in range(12):
        house.wait("calm", tokens=100)
    turns = [house.next() for _ in range(16)]
    assert turns[:8].count("calm") == 6
    assert turns.count("calm") == 12


def test_coming_back_gains_nothing():
    """A caller who waits again after each turn alternates with one whose line never ends; it does not pass it every time."""
    house = House()
    for _ in range(20):
        house.wait("flood")
    house.wait("calm")
    turns = []
    for _ in range(12):
        turns.append(house.next())
        if turns[-1] == "calm":
            house.wait("calm")
    assert turns == ["flood", "calm"] * 6


def test_having_been_away_owes_nothing():
    """Who begins to wait late is level with those who were served meanwhile: neither before all nor after."""
    house = House()
    for _ in range(20):
        house.wait("flood")
    for _ in range(10):
        house.next()
    for _ in range(5):
        house.wait("calm")
    assert [house.next() for _ in range(6)].count("calm") == 3


def test_what_was_waited_for_in_vain_is_not_counted():
    """A refusal costs no turn."""
    house = House()
    for _ in range(3):
        house.wait("flood", queue=5.0)
    house.desk.tick(5.0)
    assert [house.desk.served.pop(case).code for case in list(house.desk.served)] == ["all_keys_limited"] * 3
    house.wait("calm")
    house.wait("flood")
    assert [house.next() for _ in range(2)] == ["calm", "flood"]


def test_a_newcomer_does_not_pass_one_that_could_be_served():
    """Room that came with time is had by who waits for it, and the newcomer stands behind."""
    desk = one_key(rpm=1, max_concurrency=0)
    desk.lease(desk.ticket())
    waiting = desk.ticket(caller="flood")
    desk.ask_lease(waiting, queue=100.0)
    desk.now += 61.0
    newcomer = desk.ticket(caller="calm")
    assert isinstance(desk.ask_lease(newcomer, queue=100.0), Wait)
    desk.tick()
    assert desk.order == [waiting]
    assert isinstance(desk.served[waiting], Lease)


def test_a_newcomer_whose_turn_it_would_be_does_not_pass_either():
    """Though its caller was given less so far: who stands in the queue when there is room has it."""
    desk = one_key(rpm=2, max_concurrency=0)
    for _ in range(2):
        desk.lease(desk.ticket())
    for _ in range(2):
        desk.ask_lease(desk.ticket(caller="flood"), queue=200.0)
    desk.tick(61.0)
    for lease in list(desk.served.values()):
        desk.release(lease)
    waiting = [desk.ticket(caller="flood") for _ in range(2)]
    for case in waiting:
        desk.ask_lease(case, queue=200.0)
    desk.now += 61.0
    assert isinstance(desk.ask_lease(desk.ticket(caller="calm"), queue=200.0), Wait)
    desk.tick()
    assert all(isinstance(desk.served[case], Lease) for case in waiting)


def test_a_newcomer_without_patience_does_not_pass_either():
    """It is refused, and who waited is served."""
    desk = one_key(rpm=1, max_concurrency=0)
    desk.lease(desk.ticket())
    waiting = desk.ticket(caller="flood")
    desk.ask_lease(waiting, queue=100.0)
    desk.now += 61.0
    assert isinstance(desk.ask_lease(desk.ticket(caller="calm")), Refusal)
    desk.tick()
    assert isinstance(desk.served[waiting], Lease)


def test_who_is_out_of_time_does_not_pass_one_whose_turn_it_is():
    """Both moments come in one tick: the turn decides."""
    desk = one_key(rpm=1, max_concurrency=0)
    desk.lease(desk.ticket())
    first, second = desk.ticket(caller="flood"), desk.ticket(caller="calm")
    desk.ask_lease(first, queue=100.0)
    desk.ask_lease(second, queue=61.5)
    desk.tick(62.0)
    assert isinstance(desk.served[first], Lease)
    assert isinstance(desk.served[second], Refusal)


def test_who_stood_behind_one_that_is_out_of_time_is_served_in_the_same_tick():
    """A large call gave up; the small one behind it has room."""
    desk = Desk(pool(key("a", tpm=100)))
    desk.lease(tokens=50)
    large = desk.ask_lease("large", tokens=90, queue=5.0)
    small = desk.ask_lease("small", tokens=40, queue=50.0)
    assert isinstance(large, Wait)
    assert isinstance(small, Wait)
    desk.tick(5.0)
    assert isinstance(desk.served["large"], Refusal)
    assert isinstance(desk.served["small"], Lease)


def test_a_newcomer_passes_one_that_could_not_be_served():
    """It wants less, or something else: a key that would stand idle is used."""
    desk = Desk(pool(key("a", tpm=100)), pool(key("b"), provider="q"), callers=CALLERS)
    desk.lease(tokens=50)
    assert isinstance(desk.ask_lease(desk.ticket(caller="flood"), tokens=90, queue=50.0), Wait)
    desk.lease(desk.ticket(caller="calm"), tokens=40, queue=50.0)
    desk.lease(desk.ticket(caller="flood"), targets=("q/m",), queue=50.0)


def test_waiting_for_one_provider_does_not_hold_up_the_same_callers_other_calls():
    """Each thing that is waited for has a lane of its own."""
    desk = Desk(pool(key("a", max_concurrency=1)), pool(key("b", max_concurrency=1), provider="q"), callers=CALLERS)
    desk.lease()
    other = desk.lease(targets=("q/m",))
    first, second = desk.ticket(caller="calm"), desk.ticket(caller="calm")
    desk.ask_lease(first, queue=50.0)
    desk.ask_lease(second, targets=("q/m",), queue=50.0)
    desk.release(other)
    assert desk.served[second].key == "b"


@pytest.mark.parametrize("terms", [{"pinned": "a"}, {"tried": (("p", "b"),)}], ids=str)
def test_a_call_that_only_one_key_will_do_for_does_not_hold_up_those_that_any_will(terms):
    """Pinned, or left with one untried key."""
    desk = Desk(pool(key("a", max_concurrency=1), key("b", max_concurrency=1)))
    leases = {label: desk.lease(pinned=label) for label in "ab"}
    desk.ask_lease("choosy", queue=50.0, **terms)
    desk.ask_lease("easy", queue=50.0)
    desk.release(leases["b"])
    assert desk.order == ["easy"]
    desk.release(leases["a"])
    assert desk.order == ["easy", "choosy"]


def test_who_waits_for_what_a_header_said_is_served_when_a_later_one_says_more():
    """At once, and not when the earlier one's time is up."""
    desk = Desk()
    early, late = desk.lease(), desk.lease()
    desk.now += 1.0
    desk.release(early, headroom=Headroom(requests_left=0))
    waiting = desk.ask_lease(queue=100.0)
    assert isinstance(waiting, Wait)
    desk.now += 1.0
    desk.release(late, headroom=Headroom(requests_left=5))
    assert isinstance(desk.served[waiting.case_id], Lease)


def test_a_full_queue_refuses_who_would_have_to_wait_and_nobody_else():
    """Depth counts those who wait, not those who are served at once."""
    desk = Desk(pool(key("a", max_concurrency=1)), pool(key("b"), provider="q"), queue_depth=2)
    lease = desk.lease()
    for _ in range(2):
        assert isinstance(desk.ask_lease(queue=50.0), Wait)
    assert desk.ask_lease(queue=50.0) == Refusal(case_id="case-4", code="queue_full", status=503, retry_after_s=1.0)
    assert desk.ask_lease(targets=("p/m", "q/m"), queue=50.0).provider == "q"
    assert desk.ask_lease().code == "all_keys_limited"
    desk.release(lease)
    assert isinstance(desk.ask_lease(queue=50.0), Wait)


def test_a_queue_of_no_depth_makes_nobody_wait():
    """Whoever has no key at once is refused."""
    desk = Desk(pool(key("a", max_concurrency=1)), queue_depth=0)
    desk.lease()
    assert desk.ask_lease(queue=50.0).code == "queue_full"


def test_asking_again_takes_the_place_of_the_earlier_question():
    """A case waits for one thing at a time, and is answered once."""
    house = House()
    case = house.wait("calm")
    house.wait("calm")
    assert isinstance(house.desk.ask_lease(case, queue=1000.0), Wait)
    house.next()
    assert case not in house.desk.served
    house.next()
    assert house.desk.order[-1] == case


def test_asking_again_when_there_is_room_for_the_earlier_question_is_answered_once():
    """Time has made room, and no tick has told of it yet."""
    desk = one_key(rpm=1, max_concurrency=0)
    desk.lease(desk.ticket())
    case = desk.ticket(caller="calm")
    assert isinstance(desk.ask_lease(case, queue=1000.0), Wait)
    desk.now += 61.0
    desk.lease(case, queue=1000.0)
    desk.tick(61.0)
    assert not desk.served


def test_a_cancelled_wait_is_never_answered():
    """And the next in line has its turn."""
    house = House()
    gone, stays = house.wait("calm"), house.wait("calm")
    house.desk.cancel(gone)
    assert house.next() == "calm"
    assert house.desk.order == [stays]


def test_a_cancelled_head_lets_the_one_behind_it_have_what_it_could_not():
    """In the answer of the cancel."""
    desk = Desk(pool(key("a", tpm=100)))
    desk.lease(tokens=50)
    desk.ask_lease("large", tokens=90, queue=50.0)
    desk.ask_lease("small", tokens=40, queue=50.0)
    desk.cancel("large")
    assert isinstance(desk.served["small"], Lease)


def test_a_lease_that_its_receiver_never_saw_is_given_back_by_cancel():
    """The client hung up between the grant and its receipt."""
    house = House()
    first, second = house.wait("calm"), house.wait("calm")
    house.next()
    assert house.desk.key().in_flight == 1
    house.desk.cancel(first)
    assert isinstance(house.desk.served[second], Lease)
    assert house.desk.key().in_flight == 1


def test_whom_a_newcomer_set_free_is_told_at_once_and_can_still_be_cancelled():
    """Not with the next verb; and what was granted is given back, whether its caller has seen it or not."""
    desk = one_key(rpm=2, max_concurrency=0)
    for _ in range(2):
        desk.lease(desk.ticket())
    cases = [desk.ticket(caller="flood"), desk.ticket(caller="calm")]
    for case in cases:
        desk.ask_lease(case, queue=100.0)
    desk.now += 61.0
    third = desk.ticket(caller="third")
    desk.ask_lease(third, queue=100.0)
    assert third not in desk.served
    assert [isinstance(desk.served[case], Lease) for case in cases] == [True, True]
    desk.cancel(cases[0])
    assert isinstance(desk.served[third], Lease)


def test_money_is_waited_for_in_fair_order():
    """Two callers, one of whom floods: they alternate."""
    desk = Desk(callers=CALLERS, budgets=(budget(limit=100),))
    running = desk.ticket(100, budgets=("b",))
    who = {}
    for name in ("flood",) * 6 + ("calm",) * 3:
        answer = desk.admit(100, caller=name, budgets=("b",), queue=1000.0)
        who[answer.case_id] = name
    turns = []
    for _ in range(9):
        before = len(desk.order)
        desk.settle(running, 0)
        [running] = desk.order[before:]
        turns.append(who[running])
    assert turns == ["flood", "calm"] * 3 + ["flood"] * 3
