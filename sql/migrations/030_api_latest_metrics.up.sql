CREATE FUNCTION internal.latest_metrics(p_schema text)
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
-- Jumps from name to name in the (name, bucket) index: dozens of look-ups, not the whole history.
AS $$
BEGIN
    RETURN QUERY
        WITH RECURSIVE metric (name) AS (
            (
                SELECT m.name FROM internal.prometheus_1m m
                WHERE m.schema = p_schema
                ORDER BY m.name LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT m.name FROM internal.prometheus_1m m
                WHERE m.schema = p_schema AND m.name > metric.name
                ORDER BY m.name LIMIT 1
            )
            FROM metric
            WHERE metric.name IS NOT NULL
        )
        SELECT newest.bucket, metric.name, internal.plain_text(newest.value)
        FROM metric
        CROSS JOIN LATERAL (
            SELECT m.bucket, m.value FROM internal.prometheus_1m m
            WHERE m.schema = p_schema AND m.name = metric.name
            ORDER BY m.bucket DESC LIMIT 1
        ) newest
        ORDER BY metric.name COLLATE "C";
END
$$;
COMMENT ON FUNCTION internal.latest_metrics(text) IS
    'The newest amount of each metric of mainnet, testnet or common, by name.';

REVOKE ALL ON FUNCTION internal.latest_metrics(text) FROM PUBLIC;

CREATE FUNCTION api.get_all_latest_mainnet_metrics()
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT l."timestamp", l.table_name, l."value" FROM internal.latest_metrics('mainnet') l $$;
COMMENT ON FUNCTION api.get_all_latest_mainnet_metrics() IS
    E'The newest amount of each metric of mainnet, by name.\n\n'
    'table_name is the metric, timestamp the minute of its newest amount, however old. value is '
    'text so that no digit is lost.';

CREATE FUNCTION api.get_all_latest_testnet_metrics()
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT l."timestamp", l.table_name, l."value" FROM internal.latest_metrics('testnet') l $$;
COMMENT ON FUNCTION api.get_all_latest_testnet_metrics() IS
    E'The newest amount of each metric of testnet, by name.\n\n'
    'table_name is the metric, timestamp the minute of its newest amount, however old. value is '
    'text so that no digit is lost.';

CREATE FUNCTION api.get_all_latest_common_metrics()
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT l."timestamp", l.table_name, l."value" FROM internal.latest_metrics('common') l $$;
COMMENT ON FUNCTION api.get_all_latest_common_metrics() IS
    E'The newest amount of each metric that belongs to no tier, by name.\n\n'
    'table_name is the metric, timestamp the minute of its newest amount, however old. value is '
    'text so that no digit is lost.';

REVOKE ALL ON FUNCTION
    api.get_all_latest_mainnet_metrics(),
    api.get_all_latest_testnet_metrics(),
    api.get_all_latest_common_metrics()
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    api.get_all_latest_mainnet_metrics(),
    api.get_all_latest_testnet_metrics(),
    api.get_all_latest_common_metrics()
TO web_anon;

NOTIFY pgrst, 'reload schema';
