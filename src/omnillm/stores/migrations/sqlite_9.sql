-- Virtual keys without the copies of their digests, which nothing read: what stands in `record` is what counts. A key is looked for by its
-- name and by its revision, and by whom it lets in only in memory, where all of them are.
CREATE TABLE keys_by_name (
    name     TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL UNIQUE,
    record   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO keys_by_name SELECT name, revision, record FROM virtual_keys;
DROP TABLE virtual_keys;
ALTER TABLE keys_by_name RENAME TO virtual_keys;
