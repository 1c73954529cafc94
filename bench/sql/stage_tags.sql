-- As Telegraf's statement for the series that it has not sent yet.
INSERT INTO staging_internal.prometheus_remote_write_tag (tag_id, tags)
SELECT
    hashint8extended(s, 1),
    jsonb_build_object('host', 'telegraf', 'instance', 'node-' || s || ':443', 'source', 'bench')
FROM generate_series(0, %(series)s - 1) AS s
ORDER BY 1
ON CONFLICT (tag_id) DO NOTHING
