"""Proves that the ledger's sums are those of its rows: SQL that finds what should not be there, and a sentence for each finding."""

from omnillm.stores.connection import Connection
from omnillm.stores.daily import COUNT_COLUMNS, KEY_COLUMNS, TAG_COLUMNS
from omnillm.usage import Usage

MAX_PROBLEMS = 100
"""Of each kind."""

_KEY = ", ".join(KEY_COLUMNS)
_COUNTS = ", ".join(COUNT_COLUMNS)
_SUMS = ", ".join(f"CAST(sum({column}) AS bigint) AS {column}" for column in COUNT_COLUMNS)
_USAGE = ", ".join(f"CAST(coalesce(a.usage ->> '{name}', '0') AS bigint)" for name in Usage.__struct_fields__)
_NO_COUNTS = ", ".join(f"0 AS {column}" for column in COUNT_COLUMNS[1:])
_DAILY = f"SELECT {_KEY}, {_SUMS} FROM daily_lines GROUP BY {_KEY}"
_REPLAYED_DAILY = f"""SELECT {_KEY}, {_SUMS} FROM (
    SELECT {_KEY}, 1 AS requests, {_NO_COUNTS} FROM requests UNION ALL
    SELECT r.day, r.caller, r.model, a.provider, a.key, 0, 1, a.cost_nanousd, {_USAGE} FROM attempts a JOIN requests r USING (request_id)
    ) AS lines GROUP BY {_KEY}"""
_TAGS = ", ".join(TAG_COLUMNS)
_REPLAYED_TAGS = f"""SELECT {_TAGS}, {_SUMS} FROM (
    SELECT {_TAGS}, 1 AS requests, {_NO_COUNTS} FROM requests WHERE tags <> '' UNION ALL
    SELECT r.day, r.tags, 0, 1, a.cost_nanousd, {_USAGE} FROM attempts a JOIN requests r USING (request_id) WHERE r.tags <> ''
    ) AS lines GROUP BY {_TAGS}"""
_RETIRED = "(SELECT day FROM retired_days)"
"""Days of which rows were deleted."""

Checks = tuple[tuple[str, str], ...]

ROW_CHECKS: Checks = (
    (
        """SELECT request_id, attempt, budget FROM entries WHERE kind IN (1, 2)
            GROUP BY request_id, attempt, budget HAVING count(*) > 1""",
        "request {0}, attempt {1}, budget {2!r}: both settled and given back",
    ),
    (
        """SELECT r.request_id, r.attempt, r.budget, r.amount_nanousd FROM entries AS r
            WHERE r.kind = 0 AND r.epoch IN (SELECT epoch FROM epochs WHERE ended_wall_ms IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.request_id = r.request_id AND e.attempt = r.attempt
                AND e.budget = r.budget AND e.kind IN (1, 2))""",
        "request {0}, attempt {1}, budget {2!r}: {3} nano-USD are still reserved by a run that has ended",
    ),
    (
        """SELECT r.request_id, e.budget, r.cost_nanousd, CAST(sum(e.amount_nanousd) AS bigint)
            FROM requests AS r JOIN entries AS e USING (request_id) WHERE e.kind = 1
            GROUP BY r.request_id, e.budget HAVING sum(e.amount_nanousd) <> r.cost_nanousd""",
        "request {0} cost {2} nano-USD, but {3} were settled to budget {1!r}",
    ),
    (
        """SELECT a.request_id, a.attempt FROM attempts AS a LEFT JOIN requests AS r USING (request_id)
            WHERE r.request_id IS NULL AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.request_id = a.request_id AND e.kind = 0
                AND NOT EXISTS (SELECT 1 FROM entries AS c WHERE c.request_id = e.request_id AND c.attempt = e.attempt
                    AND c.budget = e.budget AND c.kind IN (1, 2)))""",
        "request {0}: attempt {1} has a row, the request has none and holds no reservation",
    ),
    (
        """SELECT r.request_id, r.attempts, count(a.attempt) FROM requests AS r LEFT JOIN attempts AS a USING (request_id)
            GROUP BY r.request_id HAVING count(a.attempt) <> r.attempts""",
        "request {0} says {1} attempts, {2} have rows",
    ),
    (
        """SELECT r.request_id, r.cost_nanousd, CAST(coalesce(sum(a.cost_nanousd), 0) AS bigint) FROM requests AS r
            LEFT JOIN attempts AS a USING (request_id) GROUP BY r.request_id HAVING coalesce(sum(a.cost_nanousd), 0) <> r.cost_nanousd""",
        "request {0} cost {1} nano-USD, its attempts {2}",
    ),
)
"""Rows against rows."""

SUM_CHECKS: Checks = (
    (
        """SELECT budget, period, CAST(sum(booked) AS bigint), CAST(sum(replayed) AS bigint) FROM (
            SELECT budget, period, settled_nanousd AS booked, 0 AS replayed FROM balances UNION ALL
            SELECT budget, period, 0, amount_nanousd FROM entries WHERE kind IN (1, 3) UNION ALL
            SELECT budget, period, 0, settled_nanousd FROM retired_balances
        ) AS sides GROUP BY budget, period HAVING sum(booked) <> sum(replayed)""",
        "budget {0!r} in period {1!r}: the balance says {2} nano-USD, its entries {3}",
    ),
    (
        f"""SELECT {_KEY} FROM (SELECT * FROM ({_DAILY}) AS kept UNION ALL SELECT * FROM ({_REPLAYED_DAILY}) AS replayed) AS sides
            WHERE day NOT IN {_RETIRED} GROUP BY {_KEY}, {_COUNTS} HAVING count(*) <> 2""",
        "usage of {0}, caller {1!r}, model {2!r}, key {3}/{4}: the daily sums are not those of the rows",
    ),
    (
        f"""SELECT {_TAGS} FROM (SELECT {_TAGS}, {_COUNTS} FROM daily_tags UNION ALL SELECT * FROM ({_REPLAYED_TAGS}) AS replayed) AS sides
            WHERE day NOT IN {_RETIRED} GROUP BY {_TAGS}, {_COUNTS} HAVING count(*) <> 2""",
        "usage of {0}, tags {1!r}: the daily sums are not those of the rows",
    ),
    (
        f"""SELECT day, CAST(sum(requests) AS bigint), CAST(sum(attempts) AS bigint), CAST(sum(cost_nanousd) AS bigint) FROM (
            SELECT day, requests, attempts, cost_nanousd FROM daily_lines UNION ALL
            SELECT day, -requests, -attempts, -cost_nanousd FROM retired_days UNION ALL
            SELECT day, -1, 0, 0 FROM requests UNION ALL
            SELECT r.day, 0, -1, -a.cost_nanousd FROM attempts a JOIN requests r USING (request_id)
        ) AS sides WHERE day IN {_RETIRED} GROUP BY day HAVING sum(requests) <> 0 OR sum(attempts) <> 0 OR sum(cost_nanousd) <> 0""",
        "usage of {0}, of which rows are deleted: the daily sums are {1} requests, {2} attempts, {3} nano-USD above those of all rows",
    ),
)
"""Sums against the rows that they are made of."""


def problems(connection: Connection, checks: Checks = ROW_CHECKS + SUM_CHECKS) -> list[str]:
    """One sentence a problem; at most `MAX_PROBLEMS` of each kind."""
    found = [sentence.format(*values) for query, sentence in checks for values in connection.execute(f"{query} LIMIT {MAX_PROBLEMS}")]
    return [*dict.fromkeys(found), *connection.damages(MAX_PROBLEMS)]


def extent(connection: Connection) -> str:
    """How much there was to prove."""
    tables = ("requests", "attempts", "entries", "balances")
    counts = [count for table in tables for (count,) in connection.execute(f"SELECT count(*) FROM {table}")]
    return "{:,} requests, {:,} attempts, {:,} entries, {:,} balances".format(*counts)
