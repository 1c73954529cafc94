-- What made TimescaleDB open the chunks; in the same transaction, so that nobody sees it.
DELETE FROM {schema}.prometheus_remote_write
WHERE time >= %(start)s AND time < %(end)s AND tag_id = 0 AND name = '' AND schema = ''
