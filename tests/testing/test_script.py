"""Which fault a request gets, and the limit of a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock
from omnillm.testing.script import Script, Window

BAD = Fault.status(500)


async def statuses(ask, provider, count, **members):
    return [(await ask(provider, **members)).status for _ in range(count)]


async def test_first_faults_then_fine(ask):
    """A key fails its first attempts, in order, and then does well."""
    async with FakeProvider(keys={"sk-good": Behaviour(first=(BAD, None, Fault.status(429)))}) as provider:
        assert await statuses(ask, provider, 5) == [500, 200, 429, 200, 200]


async def test_standing_fault_of_a_key_is_its_own(ask):
    """A dead key is dead for every request, and others do not notice."""
    async with FakeProvider(keys={"sk-good": Behaviour(), "sk-dead": Behaviour(fault=Fault.status(401))}) as provider:
        assert await statuses(ask, provider, 2, key="sk-dead") == [401, 401]
        assert await statuses(ask, provider, 1) == [200]


async def test_queue_comes_before_everything_of_the_key(ask):
    """What was enqueued is given to the next requests of any key."""
    async with FakeProvider(keys={"sk-good": Behaviour(fault=Fault.status(503))}) as provider:
        provider.enqueue(Fault.status(502), None)
        assert await statuses(ask, provider, 3) == [502, 200, 503]


async def test_counted_marker_is_for_the_first_requests(ask):
    """NAME*2 fails twice for this body, then once more for the next marker, then never again."""
    async with FakeProvider() as provider:
        text = "[[fault:status_500*2]] [[fault:status_429*1]]"
        assert await statuses(ask, provider, 5, text=text) == [500, 500, 429, 200, 200]
        assert await statuses(ask, provider, 1, text=text + " again") == [500]


async def test_unknown_marker_is_a_bad_request(ask):
    """A misspelt fault is told, never ignored."""
    async with FakeProvider() as provider:
        seen = await ask(provider, text="[[fault:statuss_500]]")
        assert (seen.status, seen.json["error"]["message"]) == (400, "no fault is called statuss_500")


async def test_key_may_change_its_behaviour(ask):
    """A key dies, revives and is withdrawn while the provider runs."""
    async with FakeProvider(keys={"sk-good": Behaviour()}) as provider:
        seen = await statuses(ask, provider, 1)
        for behaviour in (Behaviour(fault=Fault.status(403)), Behaviour(), None):
            provider.script.behave("sk-good", behaviour)
            seen += await statuses(ask, provider, 1)
        assert seen == [200, 403, 200, 401]


async def test_rpm_refuses_with_the_exact_wait(ask):
    """Over the limit is 429 until the oldest request is 60 s old, and the hint says when."""
    clock = ManualClock()
    async with FakeProvider(keys={"sk-good": Behaviour(rpm=2)}, clock=clock) as provider:
        assert await statuses(ask, provider, 1) == [200]
        clock.advance(20)
        assert await statuses(ask, provider, 1) == [200]
        refused = await ask(provider)
        assert (refused.status, refused.fields["retry-after"], refused.fields["retry-after-ms"]) == (429, "40", "40000")
        assert refused.fields["x-ratelimit-remaining-requests"] == "0"
        assert provider.log[-1].fault == "rpm_exceeded"
        clock.advance(40)
        assert await statuses(ask, provider, 2) == [200, 429]


async def test_rpm_is_told_in_each_protocol(ask):
    """Gemini has it in the body, Anthropic in its fields."""
    async with FakeProvider(keys={"sk-good": Behaviour(rpm=0)}) as provider:
        gemini = await ask(provider, "gemini_generate_content")
        assert gemini.json["error"]["details"][-1]["retryDelay"] == "60s"
        anthropic = await ask(provider, "anthropic_messages")
        assert anthropic.fields["retry-after"] == "60"


@given(st.integers(0, 5), st.lists(st.floats(0, 45), max_size=40))
def test_no_60_seconds_hold_more_than_the_limit(limit, steps):
    """Whatever the arrivals, admitted ones keep the limit, and whoever waits as told is admitted."""
    window, now, admitted = Window(), 0.0, []
    for step in steps:
        now += step
        wait = window.wait_s(now, limit)
        if wait == 0:
            admitted.append(now)
        elif limit and step > 44:
            now += wait + 1e-6
            assert window.wait_s(now, limit) == 0
            admitted.append(now)
        assert len([stamp for stamp in admitted if stamp > now - 60]) <= limit


@pytest.mark.parametrize(("key", "known"), [("a", True), ("anything", True), ("", False)])
def test_star_stands_for_any_key_but_none(key, known):
    """A request without a key is refused even where any key is good."""
    script = Script({"*": Behaviour(), "a": Behaviour(rpm=1)})
    assert (script.behaviour(key) is not None) == known
