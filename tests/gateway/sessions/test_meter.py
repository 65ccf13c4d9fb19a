"""What a live session has cost, and what must be reserved before it goes on."""

import json
from typing import Any

import msgspec
import pytest

from omnillm.gateway.sessions.meter import Meter
from omnillm.gateway.sessions.turns import LONGEST_CONTEXT, LONGEST_OUTPUT, turn_bound
from omnillm.pricing.cost import Price, bound, cost
from omnillm.protocols.sessions.openai_realtime import RealtimeWatch
from omnillm.protocols.sessions.session import OWN_TOKENS
from omnillm.usage import MOST_OF_ONE, Usage

PRICE = Price.of(
    input=4_000_000_000, output=16_000_000_000, input_audio=32_000_000_000, output_audio=64_000_000_000, context=32_000, max_output=4096
)
ASK = b'{"type":"response.create"}'
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def meter(price: Price | None = PRICE, **others: Price) -> Meter:
    return Meter(RealtimeWatch(), price, others.get)


def created(number: str = "a") -> bytes:
    return json.dumps({"type": "response.created", "response": {"id": number}}).encode()


def done(number: str = "a", **usage: Any) -> bytes:
    return json.dumps({"type": "response.done", "response": {"id": number, "usage": usage or None}}).encode()


def test_a_turn_more_than_is_open_is_always_needed() -> None:
    """What was spent, every open turn, and one that the provider may begin by itself."""
    it = meter()
    turn = it.turn_nanousd
    assert turn == bound(OWN_TOKENS, 4096, PRICE)
    assert it.needed_nanousd == turn
    it.to_provider(ASK)
    assert it.needed_nanousd == 2 * it.turn_nanousd > 2 * turn
    it.sent()
    it.from_provider(created())
    it.from_provider(created("b"))
    assert it.needed_nanousd == 3 * it.turn_nanousd
    it.from_provider(done("b", input_tokens=100, output_tokens=50))
    assert it.needed_nanousd == it.spent_nanousd + 2 * it.turn_nanousd
    assert it.spent_nanousd == cost(Usage(input=100, output=50), PRICE)


def test_the_sum_is_rounded_once() -> None:
    """So that a row's cost can be computed again from its usage."""
    price = Price.of(input=1, output=1)
    it = meter(price)
    for number in range(3):
        it.from_provider(created(str(number)))
        it.from_provider(done(str(number), input_tokens=1, output_tokens=0))
    assert it.spent_nanousd == 1 == cost(it.usage, price)
    assert it.is_exact
    assert not it.has_estimates


def test_rates_that_depend_on_a_prompts_length_are_each_turns_own() -> None:
    """Three short turns are not one long one."""
    dear = Price.of(input=8_000_000_000, output=32_000_000_000)
    price = Price.of(input=4_000_000_000, output=16_000_000_000, steps=((200, dear),))
    it = meter(price)
    for number in range(3):
        it.from_provider(created(str(number)))
        it.from_provider(done(str(number), input_tokens=150, output_tokens=1))
    assert it.spent_nanousd == 3 * cost(Usage(input=150, output=1), price) < cost(it.usage, price)
    assert not it.is_exact


def test_what_is_open_at_the_end_is_charged_by_estimate() -> None:
    """Its prompt's bound, and the output that was seen, at most the model's longest."""
    it = meter()
    it.from_provider(created())
    text = json.dumps({"type": "response.output_text.delta", "delta": "hello"}).encode()
    it.from_provider(text)
    it.close()
    assert it.spent_nanousd == bound(OWN_TOKENS, 16, PRICE) + bound(0, len(text), PRICE)
    assert it.has_estimates
    other = meter()
    other.from_provider(created())
    other.from_provider(b"x" * 100_000)
    other.close()
    assert other.spent_nanousd == bound(OWN_TOKENS, 16, PRICE) + bound(0, 4096, PRICE)


def test_what_an_open_turn_may_have_thought_is_charged() -> None:
    """By the time that it was open, at most the model's longest, and as reasoning costs; nothing where the model never thinks."""
    for seconds, tokens, thinks in ((2.0, 1000, True), (60.0, 4096, True), (60.0, 0, False)):
        it = meter(price=msgspec.structs.replace(PRICE, thinks=thinks))
        it.from_provider(created())
        it.close(seconds)
        assert it.spent_nanousd == bound(OWN_TOKENS, 16, PRICE) + cost(Usage(reasoning=tokens), PRICE)
        assert it.has_estimates


def test_what_was_never_sent_is_not_charged() -> None:
    """A question whose turn found no room in the budget: the provider does not know of it."""
    it = meter()
    it.to_provider(ASK)
    assert (it.open_turns, it.billable_turns) == (1, 0)
    it.close()
    assert it.spent_nanousd == 0


@pytest.mark.parametrize("usage", [{}, {"input_tokens": MOST_OF_ONE, "output_tokens": 1}], ids=["nothing", "a lie"])
def test_a_turn_without_a_usable_report_is_charged_by_its_bound(usage: dict[str, int]) -> None:
    """Never nothing, and never what nobody can have used."""
    it = meter()
    it.from_provider(created())
    it.from_provider(done(**usage))
    assert it.usage == Usage()
    assert it.has_estimates
    assert it.spent_nanousd >= bound(OWN_TOKENS, 16, PRICE)


def test_a_transcription_costs_what_its_own_model_costs() -> None:
    """Where nobody knows that, the session's rate; what is billed by the second costs as many tokens as a second can be."""
    own = Price.of(input=2_000_000_000, output=1_000_000_000)
    told = json.dumps({"type": TRANSCRIBED, "usage": {"type": "tokens", "input_tokens": 10, "output_tokens": 2}}).encode()
    update = json.dumps({"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "ears"}}}}}).encode()
    known, unknown, timed = meter(ears=own), meter(), meter(ears=own)
    for each in (known, unknown, timed):
        each.to_provider(update)
    known.from_provider(told)
    unknown.from_provider(told)
    timed.from_provider(json.dumps({"type": TRANSCRIBED, "usage": {"type": "duration", "seconds": 3.0}}).encode())
    usage = Usage(input=10, output=2)
    assert (known.spent_nanousd, known.has_estimates, known.usage) == (cost(usage, own), False, Usage())
    assert (unknown.spent_nanousd, unknown.has_estimates) == (cost(usage, PRICE), True)
    assert (timed.spent_nanousd, timed.has_estimates) == (cost(Usage(input_audio=61), own), True)
    assert not known.is_exact


def test_without_a_price_nothing_is_charged() -> None:
    """As of any call."""
    it = meter(None)
    it.to_provider(ASK)
    it.from_provider(created())
    it.close()
    assert it.needed_nanousd == it.spent_nanousd == 0


def test_unknown_lengths_have_a_bound_too() -> None:
    """Of a model whose context and longest output nobody knows."""
    watch = RealtimeWatch()
    price = Price.of(input=1_000_000, output=1_000_000)
    assert turn_bound(watch, price) == OWN_TOKENS + LONGEST_OUTPUT
    watch.is_unbounded = True
    assert turn_bound(watch, price) == LONGEST_CONTEXT + LONGEST_OUTPUT
