-- Whatever the role's own search_path has: an operator or a function that somebody could put into
-- another schema must not become part of ours.
SET LOCAL search_path = pg_catalog, pg_temp
