-- As sqlite_6.sql: units of the endpoint families beside generation (usage.Usage): characters that were spoken, milliseconds of audio that were read.
ALTER TABLE daily ADD COLUMN characters BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN audio_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN characters BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN audio_ms BIGINT NOT NULL DEFAULT 0;
