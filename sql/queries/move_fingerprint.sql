-- The same rows in any order, on any engine, give the same numbers.
SELECT count(*), coalesce(sum(hash_record_extended(ROW({columns}), 0)::numeric), 0)
FROM {table} {where}
