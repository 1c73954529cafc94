-- What is retired would be lost with the table.
SELECT internal.upsert_tags(array_agg(tag_id), array_agg(labels))
FROM internal.unused_tag
WHERE retired_at IS NOT NULL
HAVING count(*) > 0;

DROP FUNCTION internal.restore_tags();
DROP FUNCTION internal.retire_tags(bigint[]);
DROP TABLE internal.unused_tag;
