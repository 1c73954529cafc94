DROP FUNCTION internal.settle_orphans(bigint[]);
DROP FUNCTION internal.settle_changes(bigint[], timestamptz, timestamptz);
DROP FUNCTION internal.note_change(text, timestamptz, timestamptz, text);
DROP VIEW internal.aggregate_source;
