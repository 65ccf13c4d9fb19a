-- As sqlite_9.sql: virtual keys without the copies of their digests, which nothing read. Their constraint and their index go with them.
ALTER TABLE virtual_keys DROP COLUMN digest, DROP COLUMN previous_digest;
