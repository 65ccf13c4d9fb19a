-- Rows are immutable: a settlement is a new row. Ids are 32 hex digits, time-ordered, so that WITHOUT ROWID tables grow at their end.
-- Money is integer nano-USD; STRICT keeps floats out. `usage` is the JSON object of usage.Usage, absent counts are 0.

-- One row a process that has held the ledger; ended_wall_ms is NULL while it runs, and for ever when it was killed before the next began.
CREATE TABLE epochs (
    epoch           INTEGER PRIMARY KEY,
    started_wall_ms INTEGER NOT NULL,
    ended_wall_ms   INTEGER
) STRICT;

CREATE TABLE requests (
    request_id     TEXT    NOT NULL PRIMARY KEY,
    wall_ms        INTEGER NOT NULL,
    day            TEXT    NOT NULL,
    duration_ms    INTEGER NOT NULL,
    caller         TEXT    NOT NULL,
    protocol       TEXT    NOT NULL,
    operation      TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    provider       TEXT    NOT NULL,
    upstream_model TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    status         INTEGER NOT NULL,
    outcome        TEXT    NOT NULL,
    is_stream      INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    usage          TEXT    NOT NULL,
    cost_nanousd   INTEGER NOT NULL,
    is_estimated   INTEGER NOT NULL,
    tags           TEXT    NOT NULL,
    session        TEXT    NOT NULL,
    loss           TEXT    NOT NULL,
    epoch          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    request_id     TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    provider       TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    verdict        TEXT    NOT NULL,
    status         INTEGER NOT NULL,
    wall_ms        INTEGER NOT NULL,
    duration_ms    INTEGER NOT NULL,
    first_byte_ms  INTEGER NOT NULL,
    usage          TEXT    NOT NULL,
    is_usage_known INTEGER NOT NULL,
    cost_nanousd   INTEGER NOT NULL,
    is_estimated   INTEGER NOT NULL,
    price_version  TEXT    NOT NULL,
    error          TEXT    NOT NULL,
    epoch          INTEGER NOT NULL,
    PRIMARY KEY (request_id, attempt)
) STRICT, WITHOUT ROWID;

-- kind: 0 reserve, 1 settle, 2 void, 3 adjust (records.EntryKind).
CREATE TABLE entries (
    request_id     TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    budget         TEXT    NOT NULL,
    period         TEXT    NOT NULL,
    amount_nanousd INTEGER NOT NULL,
    wall_ms        INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    is_estimated   INTEGER NOT NULL,
    PRIMARY KEY (request_id, attempt, kind, budget)
) STRICT, WITHOUT ROWID;

-- What a killed process left open is found without reading the whole ledger; settle-only (relaxed) postings pay nothing for it.
CREATE INDEX reserves_by_epoch ON entries (epoch) WHERE kind = 0;

-- Sum of settle and adjust entries, kept in the transaction that inserts them.
CREATE TABLE balances (
    budget          TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    settled_nanousd INTEGER NOT NULL,
    PRIMARY KEY (budget, period)
) STRICT, WITHOUT ROWID;

-- The roll-up behind usage reports, kept in the transaction that inserts the rows. A request counts for the provider and key that
-- answered it; attempts, cost and usage for the provider and key that each attempt went to.
CREATE TABLE daily (
    day               TEXT    NOT NULL,
    caller            TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    key               TEXT    NOT NULL,
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
    PRIMARY KEY (day, caller, model, provider, key)
) STRICT, WITHOUT ROWID;
