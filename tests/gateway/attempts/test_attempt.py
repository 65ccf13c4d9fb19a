"""What an attempt is charged, however it ended."""

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.admission.asks import Lease
from omnillm.gateway.attempts.attempt import ABORT_SLACK_TOKENS, UNBILLED, UNSEEN_TOKENS_A_SECOND, Attempt
from omnillm.gateway.quotes.quote import Quote
from omnillm.outcome import Outcome, Verdict
from omnillm.pricing.cost import Price, bound, cost
from omnillm.protocols.protocol import Failure
from omnillm.usage import Usage

PRICE = Price.of(input=400_000_000, output=1_600_000_000)
QUOTE = Quote(prompt_bound=100, output_bound=50, amount_nanousd=bound(100, 50, PRICE))
USAGE = Usage(input=10, output=20)
LEASE = Lease(lease_id=1, case_id="c", provider="p", key="k", model="m")


def attempt(*, is_sent: bool = True, observed: int = -1, price: Price | None = PRICE) -> Attempt:
    made = Attempt(LEASE, 1, price, "" if price is None else price.version, 0)
    made.is_sent = made.has_begun = is_sent
    made.observed_bytes = observed
    return made


def reported(verdict: Verdict, usage: Usage = USAGE) -> Outcome:
    return Outcome(verdict=verdict, usage=usage, tokens=usage.total_tokens)


@in_turn("verdict", Verdict)
def test_a_reported_usage_is_exact(verdict: Verdict) -> None:
    """Whatever else went wrong."""
    assert attempt().charge(reported(verdict), 200, QUOTE) == (cost(USAGE, PRICE), False)


@in_turn("verdict", Verdict)
def test_an_unknown_usage_is_bounded_unless_nobody_bills_it(verdict: Verdict) -> None:
    """The reservation in full, marked as an estimate; a refusal is free."""
    charged = attempt().charge(Outcome(verdict=verdict), 0, QUOTE)
    assert charged == ((0, False) if verdict in UNBILLED else (QUOTE.amount_nanousd, True))


@pytest.mark.parametrize(("tokens", "is_exact"), [(30, True), (2**31, False)])
def test_a_failure_that_tells_its_usage_costs_it_unless_it_lies(tokens: int, is_exact: bool) -> None:
    """A count beyond all bounds tells nothing: the attempt is charged by its bound, and sums stay within an int64."""
    failure = Failure(verdict=Verdict.SERVER_FAULT, status=200, code="server_error", message="", usage=Usage(input=tokens))
    failed = attempt()
    failed.first_byte_s = 0.001
    outcome = failed.outcome_of(failure)
    assert outcome.first_byte_s is None, "a key that fails at once would be the quickest"
    assert (outcome.tokens, outcome.usage.total_tokens) == ((tokens, tokens) if is_exact else (None, 0))
    assert attempt().charge(outcome, 200, QUOTE) == ((cost(Usage(input=30), PRICE), False) if is_exact else (QUOTE.amount_nanousd, True))


@in_turn("status", [400, 429, 500, 529])
def test_an_answer_that_was_an_error_is_free(status: int) -> None:
    """No provider bills an error that it answered."""
    assert attempt().charge(Outcome(verdict=Verdict.SERVER_FAULT), status, QUOTE) == (0, False)


def test_what_was_not_sent_or_has_no_price_costs_nothing() -> None:
    """Provably, or because nobody can know."""
    assert attempt(is_sent=False).charge(Outcome(verdict=Verdict.LOST), 0, QUOTE) == (0, False)
    assert attempt(price=None).charge(reported(Verdict.SUCCESS), 200, QUOTE) == (0, False)
    assert attempt().charge(Outcome(verdict=Verdict.ABORTED), 0, Quote(is_charged=False)) == (0, False)


@in_turn(("observed", "output"), [(0, ABORT_SLACK_TOKENS), (10, 10 + ABORT_SLACK_TOKENS), (49, 50), (10_000, 50)])
def test_a_stream_that_the_client_left_is_charged_for_what_was_seen(observed: int, output: int) -> None:
    """A byte is at least a token, some more may be under way; never beyond the cap."""
    assert attempt(observed=observed).charge(Outcome(verdict=Verdict.ABORTED), 200, QUOTE) == (bound(100, output, PRICE), True)


@pytest.mark.parametrize(("seconds", "choices"), [(0.0, 3), (0.25, 1), (2.0, 3)])
def test_what_may_have_been_thought_unseen_is_charged_too(seconds: float, choices: int) -> None:
    """For every choice, for as long as the stream was open: thoughts are billed and not shown."""
    left = attempt(observed=7)
    left.sent_at, left.left_at = 100.0, 100.0 + seconds
    quote = msgspec.structs.replace(QUOTE, output_bound=20_000, choices=choices)
    output = min(7 + choices * (ABORT_SLACK_TOKENS + int(seconds * UNSEEN_TOKENS_A_SECOND)), 20_000)
    assert left.charge(Outcome(verdict=Verdict.ABORTED), 200, quote) == (bound(100, output, PRICE), True)


def test_a_model_that_does_not_think_is_charged_for_what_was_seen() -> None:
    """However long its stream was open: most of its time it writes, and that is shown."""
    left = attempt(observed=7, price=msgspec.structs.replace(PRICE, thinks=False))
    left.sent_at, left.left_at = 100.0, 160.0
    quote = msgspec.structs.replace(QUOTE, output_bound=20_000)
    assert left.charge(Outcome(verdict=Verdict.ABORTED), 200, quote) == (bound(100, 7 + ABORT_SLACK_TOKENS, PRICE), True)


def test_a_plain_reply_that_the_client_left_is_charged_in_full() -> None:
    """Nobody saw how much of it there was."""
    assert attempt().charge(Outcome(verdict=Verdict.ABORTED), 0, QUOTE) == (QUOTE.amount_nanousd, True)


def test_a_charge_never_exceeds_its_reservation_but_by_what_was_reported() -> None:
    """An estimate fits by construction; the truth is recorded, whatever it is."""
    lying = Usage(input=10**6, output=10**6)
    assert attempt().charge(reported(Verdict.SUCCESS, lying), 200, QUOTE)[0] > QUOTE.amount_nanousd
    for verdict in Verdict:
        assert attempt(observed=5).charge(Outcome(verdict=verdict), 0, QUOTE)[0] <= QUOTE.amount_nanousd


@in_turn(
    ("verdict", "status", "charged"),
    [
        (Verdict.SUCCESS, 200, (700, True)),
        (Verdict.LOST, 0, (700, True)),
        (Verdict.CALLER_FAULT, 0, (0, False)),
        (Verdict.SERVER_FAULT, 400, (0, False)),
        (Verdict.SERVER_FAULT, 500, (0, False)),
    ],
)
def test_a_batch_costs_its_bound_until_its_provider_tells_more(verdict: Verdict, status: int, charged: tuple[int, bool]) -> None:
    """From the moment it may have been made; one that was refused is none."""
    quote = msgspec.structs.replace(QUOTE, fixed_nanousd=700)
    assert attempt(price=None).charge(Outcome(verdict=verdict), status, quote) == charged
    assert attempt(is_sent=False).charge(Outcome(verdict=verdict), status, quote) == (0, False)


@in_turn("verdict", Verdict)
def test_what_may_be_billed_is_not_repeated(verdict: Verdict) -> None:
    """What cost something, what had shown content, and all that was sent but what no provider bills."""
    assert attempt().may_be_billed(verdict, 1)
    assert attempt().may_be_billed(verdict, 0) is (verdict not in UNBILLED)
    assert not attempt(is_sent=False).may_be_billed(verdict, 0)
    shown = attempt()
    shown.has_content = True
    assert shown.may_be_billed(verdict, 0)
