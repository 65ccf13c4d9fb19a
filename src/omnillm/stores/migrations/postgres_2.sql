-- As sqlite_5.sql: idempotency keys that are used up, or whose call is under way (records.ClaimRow).
CREATE TABLE claims (
    scope           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    fingerprint     TEXT COLLATE "C" NOT NULL,
    request_id      TEXT COLLATE "C" NOT NULL,
    state           BIGINT NOT NULL,
    expires_wall_ms BIGINT NOT NULL,
    status          BIGINT NOT NULL,
    outcome         TEXT COLLATE "C" NOT NULL,
    content_type    TEXT COLLATE "C" NOT NULL,
    reply           BYTEA NOT NULL
);

CREATE INDEX claims_by_expiry ON claims (expires_wall_ms);
