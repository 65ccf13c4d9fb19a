"""The order that Gemini wants of others' conversations: the results of functions directly after the content with their calls.

A result whose call is not there (a provider's own tool that was left out, a conversation cut at its start) would be refused.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from omnillm.model.message import MessageRole, RequestItem, ToolResult
from omnillm.protocols.loss import Losses


class Placed(NamedTuple):
    number: int
    """In the request."""
    item: RequestItem
    is_stray: bool = False
    """A result without a call."""


Slot = list[Placed]


def as_given(items: Sequence[RequestItem], start: int) -> list[Placed]:
    return [Placed(number, items[number]) for number in range(start, len(items))]


def results_first(items: Sequence[RequestItem], start: int, losses: Losses) -> list[Placed]:
    """Move every result to the end of the step that called for it."""
    if ToolResult not in map(type, items):
        return as_given(items, start)
    order = _Order()
    for placed in as_given(items, start):
        item = placed.item
        if type(item) is ToolResult:
            if order.add_result(placed, item.call_id):
                losses.move(f"input[{placed.number}]", "the results of functions come first")
        elif item.role is MessageRole.ASSISTANT:
            order.add_step(placed, [call.call_id for call in item.tool_calls])
        else:
            order.add(placed)
    return list(chain.from_iterable(order.slots))


class _Order:
    """Slots, one for what the model says in a step, the next for the results of its calls."""

    __slots__ = ("_open", "_waiting", "slots")

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self._open = False
        """Whether the last two slots are a step that goes on with the model's next message."""
        self._waiting: dict[str, list[Slot]] = {}
        """By the call, where its result goes; a client may use an id again."""

    def add(self, placed: Placed) -> None:
        self.slots.append([placed])
        self._open = False

    def add_step(self, placed: Placed, call_ids: list[str]) -> None:
        if not self._open:
            self.slots += [[], []]
            self._open = True
        said, results = self.slots[-2:]
        said.append(placed)
        for call_id in call_ids:
            self._waiting.setdefault(call_id, []).append(results)

    def add_result(self, placed: Placed, call_id: str) -> bool:
        """Whether it had to move."""
        waiting = self._waiting.get(call_id)
        if not waiting:
            self.add(placed._replace(is_stray=True))
            return False
        slot = waiting.pop()
        slot.append(placed)
        if slot is self.slots[-1]:
            self._open = False
            return False
        return True
