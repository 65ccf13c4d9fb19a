-- The tables of sqlite_1.sql to sqlite_4.sql, which say what each is for. Text is compared by its bytes, as SQLite does, whatever the
-- database's locale; flags and kinds are numbers, so that one SQL asks both.
CREATE TABLE ledger_schema (
    version BIGINT NOT NULL
);
INSERT INTO ledger_schema VALUES (0);

-- Keys the digests of virtual keys, unless the configuration has a pepper.
CREATE TABLE pepper (
    pepper TEXT NOT NULL
);

-- One row a process that has held the ledger; ended_wall_ms is NULL while it runs, and for ever when it was killed before the next began.
CREATE TABLE epochs (
    epoch           BIGINT PRIMARY KEY,
    started_wall_ms BIGINT NOT NULL,
    ended_wall_ms   BIGINT
);

CREATE TABLE requests (
    request_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    wall_ms        BIGINT NOT NULL,
    day            TEXT COLLATE "C" NOT NULL,
    duration_ms    BIGINT NOT NULL,
    caller         TEXT COLLATE "C" NOT NULL,
    protocol       TEXT COLLATE "C" NOT NULL,
    operation      TEXT COLLATE "C" NOT NULL,
    model          TEXT COLLATE "C" NOT NULL,
    provider       TEXT COLLATE "C" NOT NULL,
    upstream_model TEXT COLLATE "C" NOT NULL,
    key            TEXT COLLATE "C" NOT NULL,
    status         BIGINT NOT NULL,
    outcome        TEXT COLLATE "C" NOT NULL,
    is_stream      BIGINT NOT NULL,
    attempts       BIGINT NOT NULL,
    usage          JSON NOT NULL,
    cost_nanousd   BIGINT NOT NULL,
    is_estimated   BIGINT NOT NULL,
    tags           TEXT COLLATE "C" NOT NULL,
    session        TEXT COLLATE "C" NOT NULL,
    loss           TEXT COLLATE "C" NOT NULL,
    epoch          BIGINT NOT NULL
);

CREATE TABLE attempts (
    request_id     TEXT COLLATE "C" NOT NULL,
    attempt        BIGINT NOT NULL,
    provider       TEXT COLLATE "C" NOT NULL,
    model          TEXT COLLATE "C" NOT NULL,
    key            TEXT COLLATE "C" NOT NULL,
    verdict        TEXT COLLATE "C" NOT NULL,
    status         BIGINT NOT NULL,
    wall_ms        BIGINT NOT NULL,
    duration_ms    BIGINT NOT NULL,
    first_byte_ms  BIGINT NOT NULL,
    usage          JSON NOT NULL,
    is_usage_known BIGINT NOT NULL,
    cost_nanousd   BIGINT NOT NULL,
    is_estimated   BIGINT NOT NULL,
    price_version  TEXT COLLATE "C" NOT NULL,
    error          TEXT COLLATE "C" NOT NULL,
    epoch          BIGINT NOT NULL,
    PRIMARY KEY (request_id, attempt)
);

-- kind: 0 reserve, 1 settle, 2 void, 3 adjust (records.EntryKind).
CREATE TABLE entries (
    request_id     TEXT COLLATE "C" NOT NULL,
    attempt        BIGINT NOT NULL,
    kind           BIGINT NOT NULL,
    budget         TEXT COLLATE "C" NOT NULL,
    period         TEXT COLLATE "C" NOT NULL,
    amount_nanousd BIGINT NOT NULL,
    wall_ms        BIGINT NOT NULL,
    epoch          BIGINT NOT NULL,
    is_estimated   BIGINT NOT NULL,
    PRIMARY KEY (request_id, attempt, kind, budget)
);

-- What a killed process left open is found without reading the whole ledger; settle-only (relaxed) postings pay nothing for it.
CREATE INDEX reserves_by_epoch ON entries (epoch) WHERE kind = 0;

-- Sum of settle and adjust entries, kept in the transaction that inserts them.
CREATE TABLE balances (
    budget          TEXT COLLATE "C" NOT NULL,
    period          TEXT COLLATE "C" NOT NULL,
    settled_nanousd BIGINT NOT NULL,
    PRIMARY KEY (budget, period)
);

-- The roll-up behind usage reports, kept in the transaction that inserts the rows. A request counts for the provider and key that
-- answered it; attempts, cost and usage for the provider and key that each attempt went to.
CREATE TABLE daily (
    day               TEXT COLLATE "C" NOT NULL,
    caller            TEXT COLLATE "C" NOT NULL,
    model             TEXT COLLATE "C" NOT NULL,
    provider          TEXT COLLATE "C" NOT NULL,
    key               TEXT COLLATE "C" NOT NULL,
    requests          BIGINT NOT NULL,
    attempts          BIGINT NOT NULL,
    cost_nanousd      BIGINT NOT NULL,
    input             BIGINT NOT NULL,
    cache_read        BIGINT NOT NULL,
    cache_write_short BIGINT NOT NULL,
    cache_write_long  BIGINT NOT NULL,
    output            BIGINT NOT NULL,
    reasoning         BIGINT NOT NULL,
    input_audio       BIGINT NOT NULL,
    output_audio      BIGINT NOT NULL,
    images            BIGINT NOT NULL,
    tool_calls        BIGINT NOT NULL,
    PRIMARY KEY (day, caller, model, provider, key)
);

-- Which provider key made an upstream object (records.Binding). Written with the call that made it, deleted when it has expired.
CREATE TABLE bindings (
    kind            TEXT COLLATE "C" NOT NULL,
    upstream_id     TEXT COLLATE "C" NOT NULL,
    provider        TEXT COLLATE "C" NOT NULL,
    key             TEXT COLLATE "C" NOT NULL,
    caller          TEXT COLLATE "C" NOT NULL,
    expires_wall_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, upstream_id)
);

CREATE INDEX bindings_by_expiry ON bindings (expires_wall_ms);

-- Virtual keys made through the admin API (records.VirtualKey): `record` is the JSON object without its revision, which stands beside it
-- with what is looked for. A secret stands nowhere; the digests are keyed with a pepper.
CREATE TABLE virtual_keys (
    name            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest          TEXT COLLATE "C" NOT NULL UNIQUE,
    previous_digest TEXT COLLATE "C" NOT NULL,
    revision        BIGINT NOT NULL UNIQUE,
    record          TEXT COLLATE "C" NOT NULL
);

CREATE INDEX virtual_keys_by_previous_digest ON virtual_keys (previous_digest) WHERE previous_digest <> '';

-- The roll-up behind reports by tag, kept in the transaction that inserts the rows, for calls that have tags. Its lines are by the whole
-- text of a call's tags ("team=a,env=prod"), so that a call adds to one of them, however many tags it has.
CREATE TABLE daily_tags (
    day               TEXT COLLATE "C" NOT NULL,
    tags              TEXT COLLATE "C" NOT NULL,
    requests          BIGINT NOT NULL,
    attempts          BIGINT NOT NULL,
    cost_nanousd      BIGINT NOT NULL,
    input             BIGINT NOT NULL,
    cache_read        BIGINT NOT NULL,
    cache_write_short BIGINT NOT NULL,
    cache_write_long  BIGINT NOT NULL,
    output            BIGINT NOT NULL,
    reasoning         BIGINT NOT NULL,
    input_audio       BIGINT NOT NULL,
    output_audio      BIGINT NOT NULL,
    images            BIGINT NOT NULL,
    tool_calls        BIGINT NOT NULL,
    PRIMARY KEY (day, tags)
);

-- What the rows that retention has deleted added up to, kept in the transaction that deletes them: balances and days can still be proven.
CREATE TABLE retired_balances (
    budget          TEXT COLLATE "C" NOT NULL,
    period          TEXT COLLATE "C" NOT NULL,
    settled_nanousd BIGINT NOT NULL,
    PRIMARY KEY (budget, period)
);

CREATE TABLE retired_days (
    day          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    requests     BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    cost_nanousd BIGINT NOT NULL
);
