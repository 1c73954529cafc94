DROP FUNCTION internal.upsert_tags(bigint[], jsonb[]);
DROP FUNCTION internal.amount(text);
