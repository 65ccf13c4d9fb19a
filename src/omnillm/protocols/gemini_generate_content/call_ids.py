"""Ids of function calls. Gemini may give none, and every other protocol needs one.

An id made here begins with a mark, so that it is never sent to Gemini, which did not give it. In a request it is made of the call's
position, in a reply of the reply's id as well, because the replies of one conversation must not share ids.
"""

import binascii
from collections import OrderedDict

from omnillm.protocols.differences.tool_names import plain_id

_MARK = "call_gemini_"
_LONGEST = 40
"""OpenAI takes no longer ids."""


def is_made_up(call_id: str) -> bool:
    return call_id.startswith(_MARK)


def make_id(number: int, name: str, seed: str = "") -> str:
    return f"{_MARK}{seed}{number}_{plain_id(name)}"[:_LONGEST]


class ReplyCalls:
    """Gives an id to each call of a reply that has none."""

    __slots__ = ("_count", "_seed")

    def __init__(self, reply_id: str) -> None:
        self._seed = f"{binascii.crc32(reply_id.encode()):08x}_"
        self._count = 0

    def call_id(self, given: str, name: str) -> str:
        number = self._count
        self._count += 1
        return given or make_id(number, name, self._seed)

    def result_id(self, given: str, name: str) -> str:
        return given or make_id(0, name, self._seed)


class RequestCalls:
    """Gives an id to each call of a conversation that has none, and finds the call that a result answers."""

    __slots__ = ("_count", "_known", "_unanswered")

    def __init__(self) -> None:
        self._count = 0
        self._known: set[str] = set()
        self._unanswered: dict[str, OrderedDict[str, int]] = {}
        """By name, in their order; with each id the number of calls that have it."""

    def call_id(self, given: str, name: str) -> str:
        call_id = given or self._made_up(name)
        self._known.add(call_id)
        waiting = self._unanswered.setdefault(name, OrderedDict())
        waiting[call_id] = waiting.get(call_id, 0) + 1
        return call_id

    def result_id(self, given: str, name: str) -> str:
        """A result answers the call with its id; without one, the first call of its name that has no answer yet."""
        waiting = self._unanswered.get(name)
        if given in self._known or (given and not waiting):
            answered = given
        elif waiting:
            answered = next(iter(waiting))
        else:
            return self._made_up(name)
        if waiting and answered in waiting:
            waiting[answered] -= 1
            if not waiting[answered]:
                del waiting[answered]
        return answered

    def _made_up(self, name: str) -> str:
        call_id = make_id(self._count, name)
        while call_id in self._known:
            self._count += 1
            call_id = make_id(self._count, name)
        self._count += 1
        return call_id
