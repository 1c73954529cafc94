-- At how many instants two series of a running total both have a row.
SELECT count(*), min(one.time), max(one.time)
FROM cumsum.prometheus_remote_write one
JOIN cumsum.prometheus_remote_write other ON other.time = one.time
WHERE one.name = %(name)s AND one.tag_id = %(one)s
  AND other.name = %(name)s AND other.tag_id = %(other)s
  -- The bounds let TimescaleDB skip chunks; the join alone does not.
  AND one.time >= %(first)s AND one.time <= %(last)s
  AND other.time >= %(first)s AND other.time <= %(last)s
