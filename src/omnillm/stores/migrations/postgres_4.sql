-- As sqlite_7.sql: sound, pictures and film, told apart (usage.Usage): until now cached sound, and all pictures and film, were counted as text.
ALTER TABLE daily ADD COLUMN cache_read_audio BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN input_image BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN cache_read_image BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN input_video BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN output_image BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN output_video BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN cache_read_audio BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN input_image BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN cache_read_image BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN input_video BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN output_image BIGINT NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN output_video BIGINT NOT NULL DEFAULT 0;
