-- Rows that are there stay: whether they are the same is compared afterwards.
INSERT INTO {table} ({columns}) SELECT {columns} FROM pg_temp.moved ON CONFLICT DO NOTHING
