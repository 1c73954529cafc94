"""Names, keys, indexes and policies that others rely on."""

from __future__ import annotations

from datetime import timedelta

from promtsdb_dagster.adapters.aggregates import AGGREGATES
from tests.catalog import POLICIES, policies
from tests.fix_postgres import ScratchDatabase

METRICS = ["time", "tag_id", "name", "schema", "value"]
COLUMNS = {
    "internal.prometheus_remote_write": METRICS,
    "cumsum.prometheus_remote_write": METRICS,
    "staging_internal.prometheus_remote_write": METRICS,
    "staging_cumsum.prometheus_remote_write": METRICS,
    "staging_internal.prometheus_remote_write_tag": ["tag_id", "tags"],
    "staging_cumsum.prometheus_remote_write_tag": ["tag_id", "tags"],
    "internal.prometheus_remote_write_tag": [
        *("tag_id", "host", "instance", "country_name", "city"),
        *("supply", "excluded_supply", "amount", "labels"),
    ],
    "internal.excluded_addresses": ["id", "value"],
    "cumsum.all_metrics_minute": ["bucket", "name", "schema", "sum_value"],
    "internal.cagg_calculated_metric": ["bucket", "name", "schema", "value"],
    "internal.prometheus_mainnet_1m": ["bucket", "name", "value"],
    "internal.prometheus_testnet_1m": ["bucket", "name", "value"],
    "internal.prometheus_common_1m": ["bucket", "name", "value"],
    "geo.latest_coords": [*("bucket", "instance", "latitude", "longitude", "country_name", "city")],
}
INDEXES = {
    "idx_cumsum_all_metrics_minute_name_schema_bucket",
    "idx_cagg_calculated_metric_name_schema_bucket",
    "idx_prometheus_mainnet_1m_name_bucket",
    "idx_prometheus_testnet_1m_name_bucket",
    "idx_prometheus_common_1m_name_bucket",
    "idx_geo_latest_coords_bucket",
}


def test_columns(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        found = connection.execute(
            "SELECT t, array_agg(attname::text ORDER BY attnum) FROM unnest(%s::text[]) AS t"
            " JOIN pg_attribute ON attrelid = t::regclass AND attnum > 0 AND NOT attisdropped"
            " GROUP BY t",
            [list(COLUMNS)],
        ).fetchall()
    assert dict(found) == COLUMNS


def test_the_metric_tables_have_one_index_each(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        found = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'prometheus_remote_write'"
        ).fetchall()
    assert len(found) == 2
    assert all(row[0].startswith("CREATE UNIQUE INDEX") for row in found)
    assert all(row[0].endswith('btree ("time", tag_id, name, schema)') for row in found)


def test_the_aggregates_have_their_indexes(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        found = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'idx%'"
        ).fetchall()
    assert {row[0] for row in found} >= INDEXES


def test_staging_is_unlogged(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        found = connection.execute(
            "SELECT relpersistence::text FROM pg_class"
            " WHERE relnamespace::regnamespace::text LIKE 'staging%' AND relkind = 'r'"
        ).fetchall()
    assert found == [("u",)] * 4


def test_the_code_and_the_database_list_the_same_aggregates(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        found = connection.execute("SELECT aggregate, source FROM internal.aggregate_source")
        assert set(found) == {(f"{schema}.{name}", source) for schema, name, source in AGGREGATES}


def test_policies(timescaledb_database: ScratchDatabase) -> None:
    assert policies(timescaledb_database) == POLICIES


def test_hypertables(timescaledb_database: ScratchDatabase) -> None:
    with timescaledb_database.connection() as connection:
        chunks = connection.execute(
            "SELECT hypertable_schema, time_interval FROM timescaledb_information.dimensions"
            " WHERE hypertable_name = 'prometheus_remote_write' ORDER BY 1"
        ).fetchall()
        segments = connection.execute(
            "SELECT hypertable_schema, array_agg(attname::text ORDER BY segmentby_column_index)"
            " FROM timescaledb_information.compression_settings"
            " WHERE segmentby_column_index IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        realtime = connection.execute(
            "SELECT view_name FROM timescaledb_information.continuous_aggregates"
            " WHERE NOT materialized_only"
        ).fetchall()
    assert chunks == [("cumsum", timedelta(days=56)), ("internal", timedelta(days=14))]
    assert [row[1] for row in segments] == [["name", "schema", "tag_id"]] * 2
    assert realtime == [("cagg_calculated_metric",)]


def test_expired_rows_go_where_no_policy_drops_them(plain_database: ScratchDatabase) -> None:
    with plain_database.connection() as connection:
        connection.execute(
            "INSERT INTO internal.prometheus_remote_write SELECT now() - i * interval '1 month',"
            " 1, 'up', 'common', i FROM generate_series(0, 24) AS i"
        )
        connection.execute(
            "INSERT INTO cumsum.prometheus_remote_write SELECT now() - interval '3 years',"
            " 1, 'up', 'cumsum', 1"
        )
        dropped = connection.execute("SELECT internal.drop_expired_rows()").fetchone()
        left = connection.execute(
            "SELECT max(value), (SELECT count(*) FROM cumsum.prometheus_remote_write)"
            " FROM internal.prometheus_remote_write"
        ).fetchone()
    assert dropped == (12,)
    assert left == (12, 1)
