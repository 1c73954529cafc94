-- coverage told
SELECT;
