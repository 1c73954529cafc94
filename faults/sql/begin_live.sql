INSERT INTO internal.live_start (name, schema, starts_at)
VALUES (%s, 'cumsum', %s)
ON CONFLICT DO NOTHING;
