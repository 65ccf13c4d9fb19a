"""Deletes the rows of old requests; their sums stay. Bindings and idempotency keys are deleted when they expire."""

from collections import Counter
from typing import Final

from omnillm.records import settlement_id
from omnillm.stores import claims
from omnillm.stores.connection import Connection
from omnillm.stores.insert import add_to

ENDED: Final = "(SELECT epoch FROM epochs WHERE ended_wall_ms IS NOT NULL)"
OLDEST: Final = """SELECT request_id FROM requests AS r WHERE request_id < ? AND NOT EXISTS (
    SELECT 1 FROM entries AS e WHERE e.request_id = r.request_id AND e.kind = 0
        AND NOT EXISTS (SELECT 1 FROM entries AS c WHERE c.request_id = e.request_id AND c.attempt = e.attempt AND c.budget = e.budget
            AND c.kind IN (1, 2)) LIMIT 1 OFFSET 0) ORDER BY request_id LIMIT ?"""
"""Requests that have ended and hold no reservation. Each is looked up: without OFFSET, PostgreSQL may read all reservations beforehand."""
LEFT_BEHIND: Final = f"""SELECT request_id FROM (
    SELECT request_id FROM entries WHERE request_id < ? UNION SELECT request_id FROM attempts WHERE request_id < ?) AS old
    WHERE NOT EXISTS (SELECT 1 FROM requests WHERE request_id = old.request_id)
    AND NOT EXISTS (SELECT 1 FROM entries WHERE request_id = old.request_id AND epoch NOT IN {ENDED})
    AND NOT EXISTS (SELECT 1 FROM attempts WHERE request_id = old.request_id AND epoch NOT IN {ENDED}) ORDER BY request_id LIMIT ?"""
"""What has no request row and will get none, because its run has ended: an adjustment that came late."""

ADD_TO_RETIRED_BALANCES: Final = add_to("retired_balances", ("budget", "period"), ("settled_nanousd",))
ADD_TO_RETIRED_DAYS: Final = add_to("retired_days", ("day",), ("requests", "attempts", "cost_nanousd"))

EXPIRED: Final = """DELETE FROM bindings WHERE (kind, upstream_id) IN (
    SELECT kind, upstream_id FROM bindings WHERE expires_wall_ms <= ? ORDER BY expires_wall_ms LIMIT ?)"""


def retire(connection: Connection, *, before: str, wall_ms: int, limit: int) -> int:
    """Within a transaction: delete the rows of the oldest `limit` requests below an id, and `limit` expired bindings and claims each."""
    ids = whole([request_id for (request_id,) in connection.execute(OLDEST, (before, limit + 1))], limit)
    # What is left behind is looked for as far as this batch reaches, not in all that is old: a batch costs what it deletes.
    reach = ids[-1] if len(ids) >= limit else before
    ids += [request_id for (request_id,) in connection.execute(LEFT_BEHIND, (reach, reach, limit))]
    if ids:
        _remember(connection, ids)
        for table in ("entries", "attempts", "requests"):
            connection.execute(f"DELETE FROM {table} WHERE request_id IN ({_marks(ids)})", ids)
    expired = connection.execute(EXPIRED, (wall_ms, limit)).rowcount + claims.expire(connection, wall_ms=wall_ms, limit=limit)
    return len(ids) + expired


def whole(ids: list[str], limit: int) -> list[str]:
    """The first `limit`, and one more if that belongs to the last: a batch's call without its settlement would be settled again."""
    is_torn = len(ids) > limit and ids[limit] == settlement_id(ids[limit - 1])
    return ids[: limit + is_torn]


def _remember(connection: Connection, ids: list[str]) -> None:
    marks = _marks(ids)
    booked = f"""SELECT budget, period, CAST(sum(amount_nanousd) AS bigint) FROM entries WHERE request_id IN ({marks}) AND kind IN (1, 3)
        GROUP BY budget, period"""
    connection.insert(ADD_TO_RETIRED_BALANCES, [cell for row in connection.execute(booked, ids) for cell in row])
    requests = Counter(day for (day,) in connection.execute(f"SELECT day FROM requests WHERE request_id IN ({marks})", ids))
    sent = f"""SELECT r.day, count(*), CAST(sum(a.cost_nanousd) AS bigint) FROM requests AS r JOIN attempts AS a USING (request_id)
        WHERE r.request_id IN ({marks}) GROUP BY r.day"""
    attempts = {day: counts for day, *counts in connection.execute(sent, ids)}
    cells = [cell for day, count in requests.items() for cell in (day, count, *attempts.get(day, (0, 0)))]
    connection.insert(ADD_TO_RETIRED_DAYS, cells)


def _marks(ids: list[str]) -> str:
    return ", ".join("?" * len(ids))
