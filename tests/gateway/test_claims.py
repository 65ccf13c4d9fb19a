"""Idempotency keys in memory: whatever comes in whatever order, a key that is taken is nobody else's."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace
from tests.soak import rounds

from omnillm.gateway.claims import Claims, Decision
from omnillm.records import ClaimRow, ClaimState

TTL_MS = 50
MOST = 2
SCOPES, BODIES = st.sampled_from("abcd"), st.sampled_from("xy")
HELD = {Decision.GRANTED, Decision.UNKNOWN}


def row(scope: str, fingerprint: str, expires_wall_ms: int, state: ClaimState = ClaimState.FINISHED) -> ClaimRow:
    return ClaimRow(scope=scope, fingerprint=fingerprint, request_id="r", state=state, expires_wall_ms=expires_wall_ms)


class Calls(RuleBasedStateMachine):
    """Calls with four keys and two bodies, a ledger behind, and the truth beside: which keys may have been billed, until when."""

    def __init__(self) -> None:
        super().__init__()
        self.claims = Claims(most_ended=MOST)
        self.ledger: dict[str, ClaimRow] = {}
        self.now_ms = 0
        self.asking: dict[str, str] = {}
        self.running: dict[str, str] = {}

    def stands(self, scope: str) -> ClaimRow | None:
        """What the ledger tells: never what has expired."""
        found = self.ledger.get(scope)
        return found if found is not None and found.expires_wall_ms > self.now_ms else None

    @rule(scope=SCOPES, body=BODIES)
    def call(self, scope: str, body: str) -> None:
        decision = self.claims.claim(scope, body, self.now_ms)
        used_up = self.stands(scope)
        if scope in self.asking:
            assert decision is Decision.IN_FLIGHT
        elif scope in self.running:
            assert decision is (Decision.IN_FLIGHT if self.running[scope] == body else Decision.MISMATCH)
        elif used_up is not None and decision is not Decision.UNKNOWN:
            assert decision is (Decision.FINISHED if used_up.fingerprint == body else Decision.MISMATCH)
            assert self.claims.finished(scope).request_id == "r"
        else:
            assert decision in HELD
            (self.asking if decision is Decision.UNKNOWN else self.running)[scope] = body

    @precondition(lambda self: self.asking)
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """The ledger answers one that asked."""
        scope = data.draw(st.sampled_from(sorted(self.asking)))
        body, found = self.asking.pop(scope), self.stands(scope)
        decision = self.claims.learn(scope, found)
        if found is None:
            assert decision is Decision.GRANTED
            self.running[scope] = body
        else:
            assert decision is (Decision.FINISHED if found.fingerprint == body else Decision.MISMATCH)

    @precondition(lambda self: self.asking)
    @rule(data=st.data())
    def fail_to_ask(self, data: st.DataObject) -> None:
        """The ledger is down, or the client gone: the key is unknown again."""
        scope = data.draw(st.sampled_from(sorted(self.asking)))
        del self.asking[scope]
        self.claims.release(scope)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), is_to_be_paid=st.booleans())
    def end(self, data: st.DataObject, is_to_be_paid: bool) -> None:
        scope = data.draw(st.sampled_from(sorted(self.running)))
        body = self.running.pop(scope)
        if is_to_be_paid:
            self.ledger[scope] = row(scope, body, self.now_ms + TTL_MS)
            self.claims.finish(self.ledger[scope])
        else:
            self.ledger.pop(scope, None)
            self.claims.release(scope)

    @rule(ms=st.integers(1, TTL_MS))
    def wait(self, ms: int) -> None:
        self.now_ms += ms

    @invariant()
    def remembers_no_more_than_it_may(self) -> None:
        assert len(self.claims._ended) <= MOST
        assert self.claims._in_flight.keys() == self.asking.keys() | self.running.keys()


Calls.TestCase.settings = settings(max_examples=rounds(40), stateful_step_count=30, deadline=None)
TestCalls = Calls.TestCase


def test_free_key_is_free_whatever_the_ledger_still_says() -> None:
    """That it was taken is on disk, that it is free again is still on its way there."""
    claims = Claims()
    assert claims.claim("a", "x", 0) is Decision.UNKNOWN
    assert claims.learn("a", None) is Decision.GRANTED
    claims.release("a")
    assert claims.claim("a", "y", 0) is Decision.GRANTED


def test_key_that_a_killed_process_took_is_used_up() -> None:
    """Nobody knows whether the provider was reached, so the call is not done again."""
    claims = Claims()
    assert claims.claim("a", "x", 0) is Decision.UNKNOWN
    assert claims.learn("a", row("a", "x", 10, ClaimState.TAKEN)) is Decision.FINISHED
    assert claims.claim("a", "x", 9) is Decision.FINISHED
    assert claims.claim("a", "x", 10) is Decision.GRANTED


def test_another_body_cannot_be_told_from_this_one_while_the_ledger_is_asked() -> None:
    """Which of the two is the wrong one is not known yet, so the second is told to come again."""
    claims = Claims()
    claims.claim("a", "x", 1000)
    assert claims.claim("a", "y", 4000) is Decision.IN_FLIGHT
    assert claims.elapsed_s("a", 4000) == 3.0
    assert claims.elapsed_s("a", 0) == 0.0


def test_replies_are_the_ledgers_to_keep() -> None:
    """Of 16,384 keys that have ended memory keeps what decides; a reply may be a mebibyte."""
    claims = Claims()
    claims.claim("a", "body", 0)
    claims.finish(replace(row("a", "body", 1000), status=200, reply=b"x" * 1000))
    assert (claims.finished("a").status, claims.finished("a").reply) == (200, b"")
