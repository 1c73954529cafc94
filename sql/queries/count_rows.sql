-- Every row of one table.
SELECT count(*) FROM {table}
