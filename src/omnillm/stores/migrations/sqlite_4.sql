-- The roll-up behind reports by tag, kept in the transaction that inserts the rows, for calls that have tags. Its lines are by the whole
-- text of a call's tags ("team=a,env=prod"), so that a call adds to one of them, however many tags it has.
CREATE TABLE daily_tags (
    day               TEXT    NOT NULL,
    tags              TEXT    NOT NULL,
    requests          INTEGER NOT NULL,
    attempts          INTEGER NOT NULL,
    cost_nanousd      INTEGER NOT NULL,
    input             INTEGER NOT NULL,
    cache_read        INTEGER NOT NULL,
    cache_write_short INTEGER NOT NULL,
    cache_write_long  INTEGER NOT NULL,
    output            INTEGER NOT NULL,
    reasoning         INTEGER NOT NULL,
    input_audio       INTEGER NOT NULL,
    output_audio      INTEGER NOT NULL,
    images            INTEGER NOT NULL,
    tool_calls        INTEGER NOT NULL,
    PRIMARY KEY (day, tags)
) STRICT, WITHOUT ROWID;

INSERT INTO daily_tags
    SELECT day, tags, sum(requests), sum(attempts), sum(cost_nanousd), sum(input), sum(cache_read), sum(cache_write_short),
        sum(cache_write_long), sum(output), sum(reasoning), sum(input_audio), sum(output_audio), sum(images), sum(tool_calls)
    FROM (
        SELECT day, tags, 1 AS requests, 0 AS attempts, 0 AS cost_nanousd, 0 AS input, 0 AS cache_read, 0 AS cache_write_short,
            0 AS cache_write_long, 0 AS output, 0 AS reasoning, 0 AS input_audio, 0 AS output_audio, 0 AS images, 0 AS tool_calls
        FROM requests WHERE tags <> ''
        UNION ALL
        SELECT r.day, r.tags, 0, 1, a.cost_nanousd, coalesce(a.usage ->> '$.input', 0), coalesce(a.usage ->> '$.cache_read', 0),
            coalesce(a.usage ->> '$.cache_write_short', 0), coalesce(a.usage ->> '$.cache_write_long', 0),
            coalesce(a.usage ->> '$.output', 0), coalesce(a.usage ->> '$.reasoning', 0), coalesce(a.usage ->> '$.input_audio', 0),
            coalesce(a.usage ->> '$.output_audio', 0), coalesce(a.usage ->> '$.images', 0), coalesce(a.usage ->> '$.tool_calls', 0)
        FROM attempts AS a JOIN requests AS r USING (request_id) WHERE r.tags <> ''
    ) GROUP BY day, tags;

-- What the rows that retention has deleted added up to, kept in the transaction that deletes them: balances and days can still be proven.
CREATE TABLE retired_balances (
    budget          TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    settled_nanousd INTEGER NOT NULL,
    PRIMARY KEY (budget, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE retired_days (
    day          TEXT    NOT NULL PRIMARY KEY,
    requests     INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    cost_nanousd INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
