CREATE TABLE internal.prometheus_remote_write_tag (
    tag_id          bigint PRIMARY KEY,
    host            text,
    instance        text,
    country_name    text,
    city            text,
    supply          text,
    excluded_supply text,
    amount          text,
    labels          jsonb NOT NULL DEFAULT '{}'
);

COMMENT ON TABLE internal.prometheus_remote_write_tag IS
    'one row a series: what its tag_id is the hash of; shared by both metric tables';
COMMENT ON COLUMN internal.prometheus_remote_write_tag.tag_id IS
    'FNV-1a 64 over the sorted tags, as signed 64 bit: what Telegraf computes';
COMMENT ON COLUMN internal.prometheus_remote_write_tag.labels IS
    'every tag; the other columns are copies of some of them';
