-- Where Telegraf lands a batch by COPY. Empty between two statements: a trigger moves the rows
-- on, so nothing is lost with an UNLOGGED table that was not uncommitted anyway.
-- Everything but the tag tables' key may be NULL: one incomplete sample must not fail the batch
-- of thousands that it came with.
-- Each batch leaves as many dead rows as it had, hence the eager vacuum.

CREATE UNLOGGED TABLE staging_internal.prometheus_remote_write (
    time   timestamptz,
    tag_id bigint,
    name   text,
    schema text,
    value  numeric
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

CREATE UNLOGGED TABLE staging_internal.prometheus_remote_write_tag (
    tag_id bigint PRIMARY KEY,
    tags   jsonb
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

CREATE UNLOGGED TABLE staging_cumsum.prometheus_remote_write (
    time   timestamptz,
    tag_id bigint,
    name   text,
    schema text,
    value  numeric
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

CREATE UNLOGGED TABLE staging_cumsum.prometheus_remote_write_tag (
    tag_id bigint PRIMARY KEY,
    tags   jsonb
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
