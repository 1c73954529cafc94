"""Describe a database's schema as text, so that two of them can be compared."""

from __future__ import annotations

import re

from promtsdb_dagster.adapters.aggregates import AGGREGATES
from promtsdb_dagster.adapters.database import Database

_OURS = ["api", "internal", "cumsum", "geo", "staging_internal", "staging_cumsum"]
_QUERIES = (
    """SELECT 'schema', nspname,
            (SELECT string_agg(g::text, ' ' ORDER BY g::text)
                FROM unnest(coalesce(nspacl, acldefault('n', nspowner))) AS g)
        FROM pg_namespace WHERE nspname = ANY (%(ours)s)""",
    """SELECT 'relation', c.oid::regclass::text, c.relkind::text, c.relpersistence::text,
            array_to_string(c.reloptions, ','),
            (SELECT string_agg(g::text, ' ' ORDER BY g::text)
                FROM unnest(coalesce(c.relacl, acldefault('r', c.relowner))) AS g),
            CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END
        FROM pg_class c WHERE c.relnamespace::regnamespace::text = ANY (%(ours)s)""",
    """SELECT 'column', a.attrelid::regclass::text, a.attnum::text, a.attname,
            format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
            pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace::regnamespace::text = ANY (%(ours)s) AND a.attnum > 0""",
    """SELECT 'constraint', c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid)
        FROM pg_constraint c WHERE c.connamespace::regnamespace::text = ANY (%(ours)s)""",
    """SELECT 'index', indexname, indexdef FROM pg_indexes
        WHERE schemaname = ANY (%(ours)s) OR indexname LIKE 'idx%%'""",
    """SELECT 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid),
            (SELECT string_agg(g::text, ' ' ORDER BY g::text)
                FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) AS g)
        FROM pg_proc p WHERE p.pronamespace::regnamespace::text = ANY (%(ours)s)""",
    """SELECT 'trigger', t.tgrelid::regclass::text, pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relnamespace::regnamespace::text = ANY (%(ours)s)""",
    """SELECT 'default privileges', defaclrole::regrole::text, defaclobjtype::text, defaclacl::text
        FROM pg_default_acl""",
    """SELECT 'public', c.relname FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'""",
)
_TIMESCALEDB_QUERIES = (
    """SELECT 'hypertable', hypertable_schema, hypertable_name, compression_enabled::text
        FROM timescaledb_information.hypertables
        WHERE hypertable_schema <> '_timescaledb_internal'""",
    """SELECT 'dimension', hypertable_schema, column_name, time_interval::text
        FROM timescaledb_information.dimensions
        WHERE hypertable_schema <> '_timescaledb_internal'""",
    """SELECT 'compression', hypertable_schema, attname, segmentby_column_index::text,
            orderby_column_index::text
        FROM timescaledb_information.compression_settings""",
    """SELECT 'aggregate', view_schema, view_name, materialized_only::text, view_definition
        FROM timescaledb_information.continuous_aggregates""",
    """SELECT 'job', proc_name, schedule_interval::text, config::text, hypertable_name
        FROM timescaledb_information.jobs WHERE job_id >= 1000""",
)


def describe(database: Database) -> list[str]:
    """Return one line for each thing in the database's schemas, sorted."""
    queries = _QUERIES
    if database.engine() == "timescaledb":
        queries += _TIMESCALEDB_QUERIES
    with database.connection() as connection:
        rows = [row for text in queries for row in connection.execute(text, {"ours": _OURS})]
    # TimescaleDB numbers its own tables, and never uses a number twice.
    return sorted(_without_numbers(" | ".join(str(cell) for cell in row)) for row in rows)


def _without_numbers(line: str) -> str:
    line = re.sub(
        r'("?mat_hypertable_id"?: |_hypertable_|_direct_view_|_partial_view_)\d+', r"\1N", line
    )
    line = re.sub(r"(invalidation_trigger\(')\d+", r"\1N", line)
    return re.sub(r'("?hypertable_id"?: |cagg_watermark\()\d+', r"\1N", line)


def policies(database: Database) -> set[tuple[str, str, str]]:
    """Return the policies as (what, on what, with which settings)."""
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT j.proc_name, coalesce(a.view_schema || '.' || a.view_name,"
            " j.hypertable_schema || '.' || j.hypertable_name,"
            " j.proc_schema || '.' || j.proc_name),"
            " coalesce(j.config ->> 'drop_after', j.config ->> 'compress_after',"
            " (j.config ->> 'start_offset') || ' ' || (j.config ->> 'end_offset')"
            " || ' ' || j.schedule_interval, j.schedule_interval::text)"
            " FROM timescaledb_information.jobs j"
            " LEFT JOIN timescaledb_information.continuous_aggregates a"
            " ON (a.materialization_hypertable_schema, a.materialization_hypertable_name)"
            " = (j.hypertable_schema, j.hypertable_name)"
            " WHERE j.job_id >= 1000 AND j.scheduled"
        ).fetchall()
    return {(str(row[0]), str(row[1]), str(row[2])) for row in rows}


# What users rely on: what is kept how long, and how often what is refreshed.
POLICIES = {
    ("policy_retention", "internal.prometheus_remote_write", "1 year"),
    ("policy_compression", "internal.prometheus_remote_write", "7 days"),
    ("policy_compression", "cumsum.prometheus_remote_write", "7 days"),
    *(
        ("policy_refresh_continuous_aggregate", f"{schema}.{name}", "01:00:00 00:01:00 00:01:00")
        for schema, name, _ in AGGREGATES
    ),
    ("refresh_rollups", "internal.refresh_rollups", "00:10:00"),
}
