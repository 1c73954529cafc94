-- A week has 168 rows of a series by the hour, few for what each chunk and each batch cost when they
-- are compressed: 30 bytes a row, where two weeks take 22. Of running totals, which have six series
-- or so, it is 90 bytes, where eight weeks take 22. Not wider: rows by the minute gain nothing, and
-- wait for compression and for retention until a chunk is old as a whole.
-- Chunks that exist stay as they are.
SELECT public.set_chunk_time_interval('internal.prometheus_remote_write', INTERVAL '14 days');
SELECT public.set_chunk_time_interval('cumsum.prometheus_remote_write', INTERVAL '56 days');
