"""Odd input of every kind: a codec reads it or names whose mistake it is, and nothing else happens. `make fuzz` does it for ten minutes.

Each round has a number, which is its seed: a failure names it, and `FUZZ_FIRST=number` begins with it.
"""

import os
from collections.abc import Callable
from functools import cache
from itertools import count
from random import Random
from typing import Any

import msgspec
import pytest
from tests.protocols.cases import PROTOCOLS, REPLIES, REQUESTS
from tests.protocols.directions import CONTEXT, events_of, is_failure, sdk_reads, sdk_reads_events, streamed
from tests.protocols.gemini_generate_content.bodies import SAME
from tests.protocols.gemini_generate_content.replies import REPLIES as NATIVE
from tests.protocols.gemini_generate_content.replies import frame
from tests.protocols.rare_cases import RARE_REPLIES, RARE_REQUESTS

from omnillm.assemble import SystemClock
from omnillm.errors import BadRequest, ProtocolError, UpstreamLost
from omnillm.framing.sse import Frame, SseReader
from omnillm.protocols import envelope
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, emit_response, parse_request, parse_response

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
"""In all; 0: a fixed number of rounds."""
FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
ROUNDS = 150
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53, 2**80, 1e300, "", "x", "\u0000", "omnillm", "data:image/png;base64,###"),
    envelope.MARK.decode(),
    *([], [[]], [None], [{}], [{"type": "text"}], {}, {"type": "x"}, {"text": None}, {"type": "function", "function": {}}, {"parts": [{}]}),
)
NATIVE_REQUESTS = {"gemini_generate_content": SAME.values()}
NATIVE_REPLIES = {"gemini_generate_content": NATIVE.values()}
"""Beside what our own writers make: what they never write."""
protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


def mutated(dice: Random, value: Any) -> Any:
    """One member somewhere inside is replaced, removed, repeated or moved."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        name = dice.choice(list(value))
        if dice.random() < 0.15:
            return {other: member for other, member in value.items() if other != name}
        if dice.random() < 0.1:
            return {**value, dice.choice([*value, "type", "id", "extra"]): value[name]}
        return {**value, name: mutated(dice, value[name])}
    if isinstance(value, list) and value and dice.random() < 0.8:
        at = dice.randrange(len(value))
        changed = [*value[:at], mutated(dice, value[at]), *value[at + dice.randrange(2) :]]
        dice.shuffle(changed) if dice.random() < 0.1 else None
        return changed
    if isinstance(value, str) and value and dice.random() < 0.3:
        return value[: dice.randrange(len(value))]
    return dice.choice(ODD)


def corrupted(dice: Random, body: bytes) -> bytes:
    """Bytes, rather than values, that are wrong."""
    at = dice.randrange(len(body))
    return dice.choice((body[:at], body[:at] + bytes([dice.randrange(256)]) + body[at + 1 :], body[:at] + body[at:] * 2, b""))


def odd(dice: Random, body: bytes) -> bytes:
    if dice.random() < 0.1:
        return corrupted(dice, body)
    value = msgspec.json.decode(body)
    for _ in range(dice.randint(1, 4)):
        value = mutated(dice, value)
    return msgspec.json.encode(value)


def rounds(act: Callable[[Random], None], share: float) -> None:
    """So many rounds, or as many as there is time for."""
    now = SystemClock().now
    until = now() + SECONDS * share
    for number in count(FIRST):
        if now() > until if SECONDS else number >= FIRST + ROUNDS:
            return
        try:
            act(Random(number))
        except Exception as error:
            error.add_note(f"round {number}: FUZZ_FIRST={number} repeats it")
            raise


@cache
def request_bodies(protocol: str) -> list[bytes]:
    found = [msgspec.json.encode(body) for body in NATIVE_REQUESTS.get(protocol, ())]
    for case in (*REQUESTS, *RARE_REQUESTS):
        try:
            found.append(emit_request(protocol, case.request).value)
        except ProtocolError:
            continue
    return found


@cache
def reply_bodies(protocol: str) -> list[bytes]:
    native = [msgspec.json.encode(body) for body in NATIVE_REPLIES.get(protocol, ())]
    return native + [emit_response(protocol, case.reply, CONTEXT).value for case in (*REPLIES, *RARE_REPLIES)]


@cache
def streams(protocol: str) -> list[list[Frame]]:
    found = [streamed(events_of(case.reply), protocol).frames for case in (*REPLIES, *RARE_REPLIES)]
    return found + [[frame(body)] for body in NATIVE_REPLIES["gemini_generate_content"] if protocol == "gemini_generate_content"]


@protocols
def test_odd_request_is_the_clients_mistake(protocol: str) -> None:
    """BadRequest, or it is read; and what is read can be said in every protocol, or is refused."""

    def act(dice: Random) -> None:
        try:
            request = parse_request(protocol, odd(dice, dice.choice(request_bodies(protocol))), model="model-1").value
        except BadRequest as error:
            assert error.message  # noqa: PT017 - both ways out are right
            return
        for target in PROTOCOLS:
            try:
                emit_request(target, request)
            except ProtocolError:
                continue

    rounds(act, 1 / 12)


@protocols
def test_odd_reply_is_the_providers_mistake(protocol: str) -> None:
    """UpstreamLost, or it is read; and what is read every client's SDK can read."""

    def act(dice: Random) -> None:
        try:
            reply = parse_response(protocol, odd(dice, dice.choice(reply_bodies(protocol)))).value
        except UpstreamLost:
            return
        for target in PROTOCOLS:
            body = emit_response(target, reply, CONTEXT).value
            if target != protocol:  # to its own protocol what is odd goes verbatim
                sdk_reads(target, body)

    rounds(act, 1 / 12)


@protocols
def test_odd_stream_is_the_providers_mistake(protocol: str) -> None:
    """UpstreamLost, or it is read, and every client's SDK reads what it gets."""

    def act(dice: Random) -> None:
        whole = dice.choice(streams(protocol))
        frames = list(whole)
        for _ in range(dice.randint(1, 2)):
            at = dice.randrange(len(frames))
            if dice.random() < 0.3:
                del frames[at : at + dice.randint(0, 1)]
            elif frames[at].data[:1] == b"{" and frames[at] in whole:
                name = b"event: %b\n" % frames[at].event if frames[at].event else b""
                data = odd(dice, frames[at].data).replace(b"\n", b"").replace(b"\r", b"")
                frames[at] = Frame(raw=name + b"data: " + data + b"\n\n", data=data, event=frames[at].event)
            if not frames:
                return
        for target in PROTOCOLS:
            transcoder = StreamTranscoder(protocol, target, context=CONTEXT)
            told = b""
            try:
                for frame in frames:
                    told += transcoder.feed(frame.raw)
                told += transcoder.feed(b"")
            except UpstreamLost:
                pass
            if target != protocol:
                sdk_reads_events(target, [frame for frame in SseReader().feed(told) if not is_failure(frame)])

    rounds(act, 1 / 12)
