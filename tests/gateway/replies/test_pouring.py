"""A stream that is poured to a client who has no room for each of its events."""

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from tests.soak import rounds

from omnillm.framing.sse import SseReader
from omnillm.gateway.replies.answer import Answer
from omnillm.gateway.replies.pouring import Pouring
from omnillm.protocols.registry import PROTOCOLS

WORD = b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"word %d"}}]}\n\n'
ROLE = (
    b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
)
END = b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
STREAM = ROLE + b"".join(WORD % number for number in range(12)) + END


def pieces(dice: Random) -> list[bytes]:
    """The stream, cut at any bytes and at the ends of events."""
    ends = [at + 2 for at in range(len(STREAM)) if STREAM.startswith(b"\n\n", at)]
    cuts = sorted({0, len(STREAM), *dice.sample(ends, 6), *dice.sample(range(len(STREAM)), dice.randrange(4))})
    return [STREAM[start:end] for start, end in pairwise(cuts)]


@pytest.mark.parametrize("is_skimmed", [True, False])
def test_what_finds_no_room_is_kept_and_nothing_comes_twice(is_skimmed: bool) -> None:
    """However the stream was cut, and whenever the client is slow: in the end it has every byte once, and pouring went on only where it had room."""
    for seed in range(rounds(50)):
        dice = Random(seed)
        nothing: Any = None  # of the exchange and the provider only the bytes take part
        watch = PROTOCOLS["openai_chat"].watch(False)
        answer = Answer.of_stream(nothing, nothing, reader=SseReader(), watch=watch, translator=None)
        if not is_skimmed:
            answer._skims = None
        told: list[bytes] = []
        rooms: list[bool] = []

        def outlet(events: bytes, dice: Random = dice, told: list[bytes] = told, rooms: list[bool] = rooms) -> bool:
            rooms.append(dice.random() < 0.6)
            if rooms[-1]:
                told.append(events)
            return rooms[-1]

        pouring = Pouring(answer, outlet)
        for piece in pieces(dice):
            rooms.append(True)
            goes_on = pouring.forward(piece)
            assert goes_on == (rooms[-1] and answer.is_running), seed
            if not goes_on:
                told.append(answer.release())
                pouring = Pouring(answer, outlet)
        assert (b"".join(told), answer.is_told) == (STREAM, True), seed
