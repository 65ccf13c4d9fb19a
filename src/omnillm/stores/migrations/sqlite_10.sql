-- The id that a provider gave an attempt, for which its support asks.
ALTER TABLE attempts ADD COLUMN upstream_request_id TEXT NOT NULL DEFAULT '';
