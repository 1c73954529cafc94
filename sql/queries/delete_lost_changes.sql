-- What lies below the floor can never be refreshed. A day, since rows may still come to an
-- empty table.
DELETE FROM internal.aggregate_change AS c
WHERE c.noted_at < now() - INTERVAL '1 day'
  AND c.window_end <= internal.refresh_floor(c.aggregate)
