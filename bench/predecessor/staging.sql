-- Where Telegraf lands a batch. The columns are this project's, so that one Telegraf can feed both.

CREATE UNLOGGED TABLE staging_internal.prometheus_remote_write
    (time timestamptz, tag_id bigint, name text, schema text, value numeric);
CREATE UNLOGGED TABLE staging_cumsum.prometheus_remote_write
    (LIKE staging_internal.prometheus_remote_write);
CREATE UNLOGGED TABLE staging_internal.prometheus_remote_write_tag
    (tag_id bigint PRIMARY KEY, tags jsonb);
CREATE UNLOGGED TABLE staging_cumsum.prometheus_remote_write_tag
    (LIKE staging_internal.prometheus_remote_write_tag INCLUDING ALL);

CREATE FUNCTION internal.flush_internal_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO internal.prometheus_remote_write (time, tag_id, name, schema, value)
    SELECT time, tag_id, name, schema, value FROM arrived
    ON CONFLICT (time, tag_id, name, schema) DO NOTHING;
    DELETE FROM staging_internal.prometheus_remote_write s USING arrived a
    WHERE s.time = a.time AND s.tag_id = a.tag_id AND s.name = a.name AND s.schema = a.schema;
    RETURN NULL;
END
$$;

CREATE FUNCTION internal.flush_cumsum_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cumsum.prometheus_remote_write (time, tag_id, name, schema, value)
    SELECT time, tag_id, name, schema, value FROM arrived
    ON CONFLICT (time, tag_id, name, schema) DO NOTHING;
    DELETE FROM staging_cumsum.prometheus_remote_write s USING arrived a
    WHERE s.time = a.time AND s.tag_id = a.tag_id AND s.name = a.name AND s.schema = a.schema;
    RETURN NULL;
END
$$;

CREATE FUNCTION internal.flush_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO internal.prometheus_remote_write_tag AS known
    SELECT tag_id, tags ->> 'host', tags ->> 'instance', tags ->> 'country_name', tags ->> 'city',
        tags ->> 'supply', tags ->> 'excluded_supply', tags ->> 'amount'
    FROM arrived
    ON CONFLICT (tag_id) DO UPDATE SET
        host = coalesce(excluded.host, known.host),
        instance = coalesce(excluded.instance, known.instance),
        country_name = coalesce(excluded.country_name, known.country_name),
        city = coalesce(excluded.city, known.city),
        supply = coalesce(excluded.supply, known.supply),
        excluded_supply = coalesce(excluded.excluded_supply, known.excluded_supply),
        amount = coalesce(excluded.amount, known.amount);
    EXECUTE format('DELETE FROM %I.%I s USING arrived a WHERE s.tag_id = a.tag_id',
        TG_TABLE_SCHEMA, TG_TABLE_NAME);
    RETURN NULL;
END
$$;

CREATE TRIGGER trg_flush_prometheus_remote_write
AFTER INSERT ON staging_internal.prometheus_remote_write REFERENCING NEW TABLE AS arrived
FOR EACH STATEMENT EXECUTE FUNCTION internal.flush_internal_rows();
CREATE TRIGGER trg_flush_prometheus_remote_write
AFTER INSERT ON staging_cumsum.prometheus_remote_write REFERENCING NEW TABLE AS arrived
FOR EACH STATEMENT EXECUTE FUNCTION internal.flush_cumsum_rows();
CREATE TRIGGER trg_flush_prometheus_remote_write_tag
AFTER INSERT ON staging_internal.prometheus_remote_write_tag REFERENCING NEW TABLE AS arrived
FOR EACH STATEMENT EXECUTE FUNCTION internal.flush_tags();
CREATE TRIGGER trg_flush_prometheus_remote_write_tag
AFTER INSERT ON staging_cumsum.prometheus_remote_write_tag REFERENCING NEW TABLE AS arrived
FOR EACH STATEMENT EXECUTE FUNCTION internal.flush_tags();
