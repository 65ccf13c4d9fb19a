"""Calls of a conversation that share an id, told apart: some hosts count anew in every turn, or give none at all.

Providers that tell calls by their ids alone (Anthropic, Bedrock, Responses) refuse such a conversation, and a result must not be taken for
that of another call.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from operator import is_
from typing import Any

from msgspec.structs import replace

from omnillm.model.message import RequestItem, ToolCall, ToolResult
from omnillm.model.request import LlmRequest
from omnillm.protocols.loss import Losses


def with_distinct_calls(request: LlmRequest, calls: Sequence[ToolCall], losses: Losses) -> LlmRequest:
    """Return the request with one id a call: of those that share one, the first keeps it. Results follow their calls, in order.

    `calls`: all that it has.
    """
    ids = [call.call_id for call in calls]
    if len(set(ids)) == len(ids):
        return request
    renaming = _Renaming(ids)
    items: list[RequestItem] = []
    for number, item in enumerate(request.input):
        told = renaming.told_apart(item)
        if told is not item:
            losses.approximate(f"input[{number}]", "its calls share their ids with others: told apart")
        items.append(told)
    return replace(request, input=tuple(items))


class _Renaming:
    __slots__ = ("_count", "_last", "_named", "_taken", "_waiting")

    def __init__(self, ids: list[str]) -> None:
        self._taken = set(ids)
        self._count: Counter[str] = Counter()
        """Calls so far, by the id that they came with."""
        self._waiting: dict[str, OrderedDict[str, None]] = {}
        """The new ids of calls without a result so far, by the id that they came with."""
        self._named: dict[tuple[str, str], deque[str]] = {}
        """The same by that id and the name of the function, and some that were answered."""
        self._last: dict[str, str] = {}
        """The new id of the last one that was answered."""

    def told_apart(self, item: RequestItem) -> RequestItem:
        """The item itself, where its ids are its own."""
        if type(item) is ToolResult:
            new = self._id_of(item)
            return item if new == item.call_id else replace(item, call_id=new)
        parts: tuple[Any, ...] = tuple(self._call(part) if type(part) is ToolCall else part for part in item.parts)
        return item if all(map(is_, parts, item.parts)) else replace(item, parts=parts)

    def _call(self, call: ToolCall) -> ToolCall:
        call_id = call.call_id
        self._count[call_id] += 1
        if (number := self._count[call_id]) > 1:
            while (new := f"{call_id}_{number}") in self._taken:
                number += 1
            self._count[call_id] = number
            self._taken.add(new)
            call = replace(call, call_id=new)
        self._waiting.setdefault(call_id, OrderedDict())[call.call_id] = None
        self._named.setdefault((call_id, call.name), deque()).append(call.call_id)
        return call

    def _id_of(self, result: ToolResult) -> str:
        """Of the call that it answers: the first that waits, or the first of its name, if it tells one."""
        waiting = self._waiting.get(result.call_id)
        if not waiting:
            return self._last.get(result.call_id, result.call_id)
        named = self._named.get((result.call_id, result.name), deque())
        while named and named[0] not in waiting:
            named.popleft()
        new = named[0] if named else next(iter(waiting))
        del waiting[new]
        self._last[result.call_id] = new
        return new
