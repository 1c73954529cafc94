INSERT INTO internal.live_checked (record, owed_from, checked_until)
VALUES (%(record)s, %(owed_from)s, date_trunc('hour', %(owed_from)s))
ON CONFLICT (record) DO NOTHING
