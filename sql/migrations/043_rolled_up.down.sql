DROP FUNCTION internal.rolled_up(text);
DROP FUNCTION internal.not_settled(text, interval);
