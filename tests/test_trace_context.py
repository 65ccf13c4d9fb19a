"""What a client says of its trace is read as W3C Trace Context has it."""

import random

from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from tests.in_turn import in_turn

from omnillm.trace_context import Parent, TraceFields, read_parent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def parent(traceparent: str, tracestate: str = "") -> Parent | None:
    return read_parent(TraceFields(traceparent.encode("latin-1"), tracestate.encode("latin-1")))


def test_a_parent_is_read() -> None:
    """Its ids, whether it is sampled, and its systems' state."""
    assert parent(GOOD, "dd=p:1;s:2, ot=th:8") == Parent(
        trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), is_sampled=True, state="dd=p:1;s:2, ot=th:8"
    )
    assert parent(f"00-{TRACE}-{SPAN}-00").is_sampled is False
    assert parent(f"00-{TRACE}-{SPAN}-02").is_sampled is False
    assert parent(f"00-{TRACE}-{SPAN}-03").is_sampled is True
    assert parent(f"cc-{TRACE}-{SPAN}-01-what-comes-later") == parent(f"cc-{TRACE}-{SPAN}-01") == parent(GOOD)


MALFORMED = {
    "empty": "",
    "no dashes": GOOD.replace("-", ""),
    "version ff": f"ff{GOOD[2:]}",
    "more than version 00 has": f"{GOOD}-more",
    "a later version without a dash": f"cc-{TRACE}-{SPAN}-01.more",
    "upper case": GOOD.upper(),
    "a trace of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "a span of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "a short trace": f"00-{TRACE[1:]}-{SPAN}-01",
    "a long span": f"00-{TRACE}-{SPAN}0-01",
    "no flags": f"00-{TRACE}-{SPAN}",
    "no hexadecimal": f"00-{TRACE[:-1]}g-{SPAN}-01",
    "digits of another script": f"00-{TRACE[:-1]}\xb2-{SPAN}-01",
    "twice": f"{GOOD}, {GOOD}",
    "a line break": f"{GOOD}\n",
}


@in_turn("how", MALFORMED)
def test_what_is_malformed_is_nothing(how: str) -> None:
    """The call then begins a trace of its own, and no state of another is taken over."""
    assert parent(MALFORMED[how], "dd=1") is None


STATES = {
    "dd=1": True,
    "dd=1,ot=th:8": True,
    "dd=1, ,ot=2\t": True,
    "": True,
    "0vendor/tenant@x=a b": True,
    "a=": False,
    "=a": False,
    "A=a": False,
    "a=b=c": False,
    "a=\xe9": False,
    "a": False,
    f"a={'b' * 256}": True,
    f"a={'b' * 257}": False,
    f"{'a' * 257}=b": False,
    ",".join(f"k{number}={'v' * 16}" for number in range(26)): False,
}


@in_turn("state", STATES)
def test_a_malformed_state_is_left_out(state: str) -> None:
    """And the parent stands."""
    read = parent(GOOD, state)
    assert read is not None
    assert read.state == (state if STATES[state] else "")


def test_opentelemetry_reads_the_same() -> None:
    """Its own propagator, of fields with any characters changed."""
    dice, propagator = random.Random(20), TraceContextTextMapPropagator()
    agreed = 0
    for _ in range(2000):
        text = list(dice.choice((GOOD, f"{GOOD}-x", f"cc-{TRACE}-{SPAN}-00-y")))
        for _ in range(dice.choice((0, 0, 1, 2))):
            text[dice.randrange(len(text))] = dice.choice("0af9FgG- \t\xe9")
        traceparent = "".join(text)
        theirs = get_current_span(propagator.extract({"traceparent": traceparent})).get_span_context()
        ours = parent(traceparent)
        assert (ours is not None) == theirs.is_valid, traceparent
        if ours is not None:
            assert int.from_bytes(ours.trace_id) == theirs.trace_id
            assert int.from_bytes(ours.span_id) == theirs.span_id
            assert ours.is_sampled == theirs.trace_flags.sampled
            agreed += 1
    assert 500 < agreed < 1900
