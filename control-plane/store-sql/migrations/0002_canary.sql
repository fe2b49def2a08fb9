-- When a write was last tried out; nobody reads it but the one who wrote it.
ALTER TABLE store ADD COLUMN canary_at INTEGER NOT NULL DEFAULT 0;
