-- Which provider key made an upstream object (records.Binding). Written with the call that made it, deleted when it has expired.
CREATE TABLE bindings (
    kind            TEXT    NOT NULL,
    upstream_id     TEXT    NOT NULL,
    provider        TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    caller          TEXT    NOT NULL,
    expires_wall_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, upstream_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX bindings_by_expiry ON bindings (expires_wall_ms);
