-- The columns of a table that can be written, in their order.
SELECT a.attname
FROM pg_attribute a
WHERE a.attrelid = %s::text::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
