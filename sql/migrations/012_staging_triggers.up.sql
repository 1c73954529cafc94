-- SECURITY DEFINER: Telegraf's role may write staging and nothing else.

CREATE FUNCTION internal.flush_staged_rows() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM internal.move_staged_rows(TG_ARGV[0]);
    RETURN NULL;
END
$$;

CREATE FUNCTION internal.flush_staged_tags() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM internal.move_staged_tags(TG_ARGV[0]);
    RETURN NULL;
END
$$;

CREATE TRIGGER trg_flush_prometheus_remote_write
AFTER INSERT ON staging_internal.prometheus_remote_write
FOR EACH STATEMENT EXECUTE FUNCTION internal.flush_staged_rows('internal');

CREATE TRIGGER trg_flush_prometheus_remote_write_tag
AFTER INSERT ON staging_internal.prometheus_remote_write_tag
FOR EACH STATEMENT EXECUTE FUNCTION internal.flush_staged_tags('internal');

CREATE TRIGGER trg_flush_prometheus_remote_write
AFTER INSERT ON staging_cumsum.prometheus_remote_write
FOR EACH STATEMENT EXECUTE FUNCTION internal.flush_staged_rows('cumsum');

CREATE TRIGGER trg_flush_prometheus_remote_write_tag
AFTER INSERT ON staging_cumsum.prometheus_remote_write_tag
FOR EACH STATEMENT EXECUTE FUNCTION internal.flush_staged_tags('cumsum');

-- Moves rows that came while a trigger was disabled, or that another session was holding.
-- Tags first: rows that follow them are no orphans.
CREATE FUNCTION internal.drain_staging(
    p_source text, OUT metrics_moved bigint, OUT tags_moved bigint, OUT rows_left bigint
) LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_source NOT IN ('internal', 'cumsum') THEN
        RAISE EXCEPTION 'no staging area is named %, wanted internal or cumsum', p_source
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    tags_moved := internal.move_staged_tags(p_source);
    metrics_moved := internal.move_staged_rows(p_source);
    EXECUTE format(
        'SELECT (SELECT count(*) FROM %1$I.prometheus_remote_write)'
        ' + (SELECT count(*) FROM %1$I.prometheus_remote_write_tag)', 'staging_' || p_source)
    INTO rows_left;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.flush_staged_rows() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.flush_staged_tags() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.drain_staging(text) FROM PUBLIC;
