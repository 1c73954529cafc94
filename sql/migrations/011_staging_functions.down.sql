DROP FUNCTION internal.move_staged_tags(text);
DROP FUNCTION internal.move_staged_rows(text);
