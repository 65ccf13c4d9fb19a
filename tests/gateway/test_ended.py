"""Calls that have ended are told a few at a time, each once."""

from msgspec.structs import replace
from tests.server.test_call_log import ROW

from omnillm.gateway.ended import MOST_WAITING, EndedCalls
from omnillm.records import RequestRow


def test_calls_wait_until_a_few_have_come_together() -> None:
    """Then every observer is told of all of them, in their order; what came since waits for whoever asks."""
    logged: list[list[RequestRow]] = []
    counted: list[list[RequestRow]] = []
    ended = EndedCalls(logged.append, counted.append, count_failures=[].append)
    rows = [replace(ROW, request_id=f"{number:032x}") for number in range(MOST_WAITING + 1)]
    for row in rows[:-2]:
        ended.add(row)
    assert logged == []
    for row in rows[-2:]:
        ended.add(row)
    assert logged == counted == [rows[:-1]]
    for _ in range(2):
        ended.flush()
    assert logged == counted == [rows[:-1], rows[-1:]]
