INSERT INTO internal.live_checked AS c (record, checked_until)
VALUES (%(record)s, %(until)s)
ON CONFLICT (record) DO UPDATE SET checked_until = greatest(c.checked_until, excluded.checked_until)
