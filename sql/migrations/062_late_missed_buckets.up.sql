-- late missed buckets
SELECT;
