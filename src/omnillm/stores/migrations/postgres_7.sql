-- As sqlite_10.sql: the id that a provider gave an attempt.
ALTER TABLE attempts ADD COLUMN upstream_request_id text NOT NULL DEFAULT '';
