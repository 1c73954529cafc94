-- api coverage
SELECT;
