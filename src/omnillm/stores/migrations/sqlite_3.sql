-- Virtual keys made through the admin API (records.VirtualKey): `record` is the JSON object without its revision, which stands beside it
-- with what is looked for. A secret stands nowhere; the digests are keyed with a pepper that is not in this file.
CREATE TABLE virtual_keys (
    name            TEXT    NOT NULL PRIMARY KEY,
    digest          TEXT    NOT NULL UNIQUE,
    previous_digest TEXT    NOT NULL,
    revision        INTEGER NOT NULL UNIQUE,
    record          TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX virtual_keys_by_previous_digest ON virtual_keys (previous_digest) WHERE previous_digest <> '';
