-- Idempotency keys that are used up, or whose call is under way (records.ClaimRow); the scope is a digest, the fingerprint a keyed one.
-- `status` is 0 where no reply is kept. With a rowid: a reply may be large.
CREATE TABLE claims (
    scope           TEXT    NOT NULL PRIMARY KEY,
    fingerprint     TEXT    NOT NULL,
    request_id      TEXT    NOT NULL,
    state           INTEGER NOT NULL,
    expires_wall_ms INTEGER NOT NULL,
    status          INTEGER NOT NULL,
    outcome         TEXT    NOT NULL,
    content_type    TEXT    NOT NULL,
    reply           BLOB    NOT NULL
) STRICT;

CREATE INDEX claims_by_expiry ON claims (expires_wall_ms);
