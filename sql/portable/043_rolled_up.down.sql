DROP FUNCTION internal.rolled_up(text);
DROP FUNCTION internal.empty_rollups() CASCADE;
DROP FUNCTION internal.note_rollup_change() CASCADE;
DROP TABLE internal.rollup_change;
