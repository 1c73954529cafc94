-- Numbers go on where the source would go on.
SELECT setval(
    pg_get_serial_sequence(%(table)s, 'id'), coalesce(%(last)s, 1), %(last)s::bigint IS NOT NULL)
