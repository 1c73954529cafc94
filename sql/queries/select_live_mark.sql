-- Where the last cumulative metric went live, as each of them ends its backfill; without any, where
-- the first metric did.
SELECT coalesce(max(starts_at) FILTER (WHERE schema = 'cumsum'), min(starts_at))
FROM internal.live_start
