-- Units of the endpoint families beside generation (usage.Usage): characters that were spoken, milliseconds of audio that were read.
ALTER TABLE daily ADD COLUMN characters INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN audio_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN characters INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN audio_ms INTEGER NOT NULL DEFAULT 0;
