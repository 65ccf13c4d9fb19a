-- Sound, pictures and film, told apart (usage.Usage): until now cached sound, and all pictures and film, were counted as text.
ALTER TABLE daily ADD COLUMN cache_read_audio INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN input_image INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN cache_read_image INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN input_video INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN output_image INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily ADD COLUMN output_video INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN cache_read_audio INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN input_image INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN cache_read_image INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN input_video INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN output_image INTEGER NOT NULL DEFAULT 0;
ALTER TABLE daily_tags ADD COLUMN output_video INTEGER NOT NULL DEFAULT 0;
