-- coverage
SELECT;
