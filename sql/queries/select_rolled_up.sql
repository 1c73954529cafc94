-- What of a roll-up equals the minutes, as windows within the bounds.
SELECT lower(part), upper(part)
FROM unnest(internal.rolled_up(%(rollup)s) * tstzmultirange(tstzrange(%(start)s, %(end)s))) AS part
WHERE NOT isempty(part)
