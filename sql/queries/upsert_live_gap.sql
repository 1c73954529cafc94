INSERT INTO internal.live_gap (record, hour, missing, absent, attempts)
VALUES (%(record)s, %(hour)s, %(missing)s, %(absent)s, %(attempts)s)
ON CONFLICT (record, hour) DO UPDATE SET
    missing = excluded.missing,
    absent = excluded.absent,
    attempts = excluded.attempts,
    checked_at = clock_timestamp()
