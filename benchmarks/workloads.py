"""The pure parts, each as one act that can be repeated: `python -m benchmarks.workloads` does as it is told on its input.

A line is `NAME COUNT`; when it is done it prints `done`. So whoever counts instructions can begin and stop between the lines.
"""

import sys
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from itertools import count
from random import Random
from typing import Any

from benchmarks.codecs import CONTEXT, PROTOCOLS, deltas, reply_of, request_of, user
from omnillm.admission.asks import Ask, BudgetConfigured, CallerConfigured, ControllerConfigured, Lease, Served
from omnillm.admission.controller import AdmissionController
from omnillm.framing.sse import SseReader
from omnillm.gateway.replies.answer import Answer
from omnillm.gateway.replies.pouring import Pouring
from omnillm.keys.terms import KeyConfigured, Need, PoolConfigured
from omnillm.model.request import LlmRequest
from omnillm.outcome import Outcome, Verdict
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.cost import cost
from omnillm.protocols.envelope import MARK
from omnillm.protocols.members import has_repeated_members, read_members
from omnillm.protocols.outline import outline
from omnillm.protocols.registry import PROTOCOLS as KNOWN
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, emit_response, transcode_request, transcode_response
from omnillm.server.front.head import frame, read_head
from omnillm.usage import Usage

Act = Callable[[], object]
UNUSED: Any = None
"""What a part has at hand and does not touch."""
USAGE = Usage(input=100, cache_read=20, output=50, reasoning=10)
OUTCOME = Outcome(verdict=Verdict.SUCCESS, usage=USAGE, tokens=USAGE.total_tokens, first_byte_s=0.01)
HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:4000\r\nContent-Type: application/json\r\nAuthorization: Bearer sk-omni-1\r\n"
    b"User-Agent: OpenAI/Python 2.1.0\r\nAccept: application/json\r\nContent-Length: 1024\r\n\r\n"
)


def admission(keys: int) -> Act:
    """One call from admission to settlement, limits and a budget on."""
    rpm, tpm = 10**9, 10**12
    pool = PoolConfigured(provider="p", keys=tuple(KeyConfigured(label=f"k{n}", secret_id=f"s{n}", rpm=rpm, tpm=tpm) for n in range(keys)))
    configured = ControllerConfigured(
        pools=(pool,),
        callers=(CallerConfigured(name="c", rpm=rpm, tpm=tpm, max_concurrency=1000),),
        budgets=(BudgetConfigured(name="b", limit_nanousd=10**18),),
    )
    verbs = AdmissionController(configured, dice=Random(1), now=0.0, deliver=_nobody_waits)
    ids = map("{:032x}".format, count(1))

    def act() -> None:
        case_id = next(ids)
        verbs.admit(Ask(case_id=case_id, caller="c", tokens=300, budgets=("b",), amount_nanousd=1000), 1.0)
        lease = verbs.lease(Need(case_id=case_id, targets=(("p", "m"),), tokens=300), 1.0)
        assert isinstance(lease, Lease)
        verbs.sent(lease.lease_id, 1.0)
        verbs.release(lease.lease_id, OUTCOME, 1.0)
        verbs.settle(case_id, 500, 1.0, 180)

    return act


def _nobody_waits(served: Served) -> None:
    raise AssertionError(served)


def peek(protocol: str) -> Act:
    """A request of the client's own protocol: all that is read of it."""
    body = emit_request(protocol, request_of(1024)).value

    def act() -> None:
        members = read_members(body)
        KNOWN[protocol].peek_request(members)
        has_repeated_members(body, members)

    return act


def long_prompt(protocol: str) -> Act:
    """All that is looked for in a prompt of 100 KB, once: members, ids, media, its length, and what may be sealed in it."""
    words = "".join(f'{number}: the_name[{number}] = "said \\n"\n' for number in range(3_600))
    body = emit_request(protocol, LlmRequest(model="model-1", input=(user(words),), is_stream=False)).value
    spoken = KNOWN[protocol]

    def act() -> None:
        members = read_members(body)
        spoken.peek_request(members)
        has_repeated_members(body, members)
        seen = outline(members, body)
        assert seen is not None
        spoken.named_ids(seen.members, seen.body)
        spoken.weigh(seen.members)
        assert MARK not in body

    return act


def head() -> Act:
    def act() -> None:
        frame(read_head(HEAD, peer="127.0.0.1:1", most_fields=100))

    return act


def frames(protocol: str) -> Act:
    """A hundred events of a stream, framed and watched."""
    piece = b"".join(deltas(protocol, 98))

    def act() -> None:
        watch = KNOWN[protocol].watch(False)
        for each in SseReader().feed(piece):
            watch.see(each)

    return act


def passed_on(protocol: str) -> Act:
    """A hundred events of a stream, each come alone, as the relay passes them on."""
    pieces = deltas(protocol, 98)

    def act() -> None:
        answer = Answer.of_stream(UNUSED, UNUSED, reader=SseReader(), watch=KNOWN[protocol].watch(False))
        pouring = Pouring(answer, lambda piece: len(piece) > 0)
        for piece in pieces:
            pouring.forward(piece)

    return act


def events(source: str, target: str) -> Act:
    """A hundred events of a stream, translated."""
    piece = b"".join(deltas(source, 98))

    def act() -> None:
        StreamTranscoder(source, target, context=CONTEXT).feed(piece)

    return act


def priced() -> Act:
    price = Catalog({}, files("omnillm.pricing").joinpath("catalog.json").read_bytes).find("openai", "openai", "gpt-4.1-mini")
    assert price is not None
    return partial(cost, USAGE, price)


def _around() -> list[tuple[str, str]]:
    """Each protocol to its neighbour."""
    return [(source, PROTOCOLS[(number + 1) % 4]) for number, source in enumerate(PROTOCOLS)]


def _requests(source: str, target: str) -> Act:
    return partial(transcode_request, source, target, emit_request(source, request_of(1024)).value, model="model-1")


def _replies(source: str, target: str) -> Act:
    body = emit_response(source, reply_of(700), CONTEXT).value
    return partial(transcode_response, source, target, body, context=CONTEXT)


WORKLOADS: dict[str, Callable[[], Act]] = {
    "admission, 4 keys": partial(admission, 4),
    "admission, 1000 keys": partial(admission, 1000),
    "head": head,
    "cost": priced,
    **{f"peek, {protocol}": partial(peek, protocol) for protocol in PROTOCOLS},
    **{f"100 KB, {protocol}": partial(long_prompt, protocol) for protocol in PROTOCOLS},
    **{f"100 events, {protocol}": partial(frames, protocol) for protocol in PROTOCOLS},
    **{f"100 events one by one, {protocol}": partial(passed_on, protocol) for protocol in PROTOCOLS},
    **{f"request, {source} to {target}": partial(_requests, source, target) for source, target in _around()},
    **{f"reply, {source} to {target}": partial(_replies, source, target) for source, target in _around()},
    **{f"100 events, {source} to {target}": partial(events, source, target) for source, target in _around()},
}


def main() -> None:
    acts = {name: make() for name, make in WORKLOADS.items()}
    for act in acts.values():
        for _ in range(20):
            act()
    print("ready", flush=True)
    for line in sys.stdin:
        name, _, times = line.rpartition(" ")
        act = acts[name]
        for _ in range(int(times)):
            act()
        print("done", flush=True)


if __name__ == "__main__":
    main()
