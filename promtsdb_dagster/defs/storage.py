"""The tables that hold the samples, as assets that other things write to."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import dagster as dg

from promtsdb_dagster.adapters.inventory import Stored
from promtsdb_dagster.defs.columns import COLUMNS
from promtsdb_dagster.defs.describing import OWNERS, described, links
from promtsdb_dagster.defs.groups import CUMSUM, INTERNAL, Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reasons import Everywhere, Storage, Tables
from promtsdb_dagster.defs.reporting import counted
from promtsdb_dagster.defs.ticks import about, in_seconds
from promtsdb_dagster.errors import PromtsdbError

GROUP = "storage"
TABLE = "prometheus_remote_write"
INTERVAL = timedelta(minutes=5)
_METRIC_FILES = (
    "migrations/005_metric_tables.up.sql",
    "portable/005_metric_tables.up.sql",
    "migrations/018_storage_policies.up.sql",
    "migrations/056_chunk_widths.up.sql",
)

INTERNAL_KEY = dg.AssetKey([INTERNAL, TABLE])
CUMSUM_KEY = dg.AssetKey([CUMSUM, TABLE])
TAG_KEY = dg.AssetKey([INTERNAL, f"{TABLE}_tag"])


def storage_specs(groups: Sequence[Group]) -> list[dg.AssetSpec]:
    """Return the three tables; what writes to each is what it depends on."""

    def spec(
        key: dg.AssetKey,
        kind: str,
        sources: Iterable[str],
        holds: str,
        when_red: str,
        files: Iterable[str],
    ) -> dg.AssetSpec:
        wanted, table = set(sources), ".".join(key.path)
        writers = [group.key for group in groups if group.feeds & wanted]
        staged = [dg.AssetKey(f"staging_{source}") for source in sorted(wanted)]
        return dg.AssetSpec(
            key,
            deps=[*writers, *staged],
            group_name=GROUP,
            # Two nodes of the graph have the same last name; this tells them apart.
            kinds={"postgres", "table", kind},
            owners=OWNERS,
            tags={"schema": key.path[0]},
            description=described(holds, when_red),
            metadata={
                "dagster/table_name": table,
                "dagster/column_schema": COLUMNS[table],
                **links("promtsdb_dagster/defs/storage.py", *(f"sql/{file}" for file in files)),
            },
        )

    return [
        spec(
            INTERNAL_KEY,
            "gauges",
            [INTERNAL],
            "The samples of all gauges, each once: live rows by the minute, history by the "
            "hour or quarter of an hour. Kept for one year. The sensor `storage` notes how many "
            "there are and how old the newest is.",
            "`live_rows_fresh` says which part of the live path stands still. Start it; the sensor "
            "`live_gaps` fetches what is missing.",
            _METRIC_FILES,
        ),
        spec(
            CUMSUM_KEY,
            "totals",
            [CUMSUM],
            "The increments of the running totals: each minute counts exactly once, by a live "
            "row or by a backfill. Kept for ever, since a total is the sum of all of them.",
            "`no_doubles` names the metrics and hours that count twice. Replace them: "
            "docs/how-to/recover-wrong-rule.md.",
            _METRIC_FILES,
        ),
        spec(
            TAG_KEY,
            "tags",
            [INTERNAL, CUMSUM],
            "One row a series, for both tables: its labels, by the hash that they have.",
            "`no_orphans` says how many series have rows and no tags. Launch the backfill of the "
            "days that it names with `recheck`.",
            ("migrations/004_tag_table.up.sql", "queries/upsert_tags.sql"),
        ),
    ]


def storage_sensor() -> dg.SensorDefinition:
    """Return the sensor that notes how full the tables are."""

    @dg.sensor(
        name="storage",
        minimum_interval_seconds=int(INTERVAL.total_seconds()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        **about(
            "Notes rows, size, oldest and newest sample of tables and aggregates on their assets, "
            "and how far the newest is behind; Dagster plots them. Looks every five minutes.",
            starts="nothing; it notes observations",
            when_off="the assets of the groups storage and aggregates show old numbers",
        ),
    )
    def storage(
        context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.SensorResult | dg.SkipReason:
        again = in_seconds(INTERVAL)
        try:
            inventory = project.inventory()
            if not inventory.is_migrated():
                return Tables.NO_TABLES(again=again)
            tables = [*inventory.stored(), *inventory.stored_buckets()]
            now = project.now()
        except PromtsdbError as error:
            return Everywhere.PROBLEM(problem=error, again=again)
        # Rows too: a backfill adds old ones.
        seen = ", ".join(f"{table.key}@{table.newest}x{table.rows}" for table in tables)
        if seen == context.cursor:
            newest = max((table.newest for table in tables if table.newest), default=None)
            return Storage.NOTHING_NEWER(newest=newest or "no time yet", again=again)
        full = [f"{'.'.join(table.key)}, about {counted(table.rows, 'row')}" for table in tables]
        return dg.SensorResult(
            asset_events=[
                dg.AssetObservation(dg.AssetKey(list(table.key)), metadata=_metadata(table, now))
                for table in tables
            ],
            skip_reason=Storage.NOTED(tables="; ".join(full), again=again),
            cursor=seen,
        )

    return storage


def _metadata(table: Stored, now: datetime) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(table.rows),
        "megabytes": dg.MetadataValue.float(round(table.size_bytes / 1e6, 1)),
    }
    if table.oldest and table.newest:
        metadata["oldest"] = dg.MetadataValue.timestamp(table.oldest)
        metadata["newest"] = dg.MetadataValue.timestamp(table.newest)
        lag = (now - table.newest).total_seconds()
        metadata["lag_seconds"] = dg.MetadataValue.float(round(lag, 1))
    return metadata
