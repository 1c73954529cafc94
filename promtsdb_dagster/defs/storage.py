"""The tables that hold the samples, as assets that other things write to."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import dagster as dg

from promtsdb_dagster.adapters.inventory import Stored
from promtsdb_dagster.defs.groups import CUMSUM, INTERNAL, Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reasons import Everywhere, Storage, Tables
from promtsdb_dagster.defs.reporting import counted
from promtsdb_dagster.defs.ticks import about, in_seconds
from promtsdb_dagster.errors import PromtsdbError

GROUP = "storage"
TABLE = "prometheus_remote_write"
INTERVAL = timedelta(minutes=5)

INTERNAL_KEY = dg.AssetKey([INTERNAL, TABLE])
CUMSUM_KEY = dg.AssetKey([CUMSUM, TABLE])
TAG_KEY = dg.AssetKey([INTERNAL, f"{TABLE}_tag"])


def storage_specs(groups: Sequence[Group]) -> list[dg.AssetSpec]:
    """Return the three tables; what writes to each is what it depends on."""

    def spec(key: dg.AssetKey, sources: Iterable[str], description: str) -> dg.AssetSpec:
        wanted = set(sources)
        writers = [group.key for group in groups if group.feeds & wanted]
        staged = [dg.AssetKey(f"staging_{source}") for source in sorted(wanted)]
        return dg.AssetSpec(
            key,
            deps=[*writers, *staged],
            group_name=GROUP,
            kinds={"postgres", "table"},
            description=description,
            metadata={"dagster/table_name": ".".join(key.path)},
        )

    return [
        spec(INTERNAL_KEY, [INTERNAL], "Samples of all gauges; kept for one year."),
        spec(CUMSUM_KEY, [CUMSUM], "Increments of the cumulative metrics; kept for ever."),
        spec(TAG_KEY, [INTERNAL, CUMSUM], "The tags of every series, shared by both."),
    ]


def storage_sensor() -> dg.SensorDefinition:
    """Return the sensor that notes how full the tables are."""

    @dg.sensor(
        name="storage",
        minimum_interval_seconds=int(INTERVAL.total_seconds()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        **about(
            "Notes rows, oldest and newest sample and size of the three tables on their assets, "
            "where Dagster plots them. Looks every five minutes.",
            starts="nothing; it notes observations",
            when_off="the assets of the group storage show old numbers",
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
            tables = inventory.stored()
        except PromtsdbError as error:
            return Everywhere.PROBLEM(problem=error, again=again)
        seen = ", ".join(f"{table.key}@{table.newest}" for table in tables)
        if seen == context.cursor:
            newest = max((table.newest for table in tables if table.newest), default=None)
            return Storage.NOTHING_NEWER(newest=newest or "no time yet", again=again)
        full = [f"{'.'.join(table.key)}, about {counted(table.rows, 'row')}" for table in tables]
        return dg.SensorResult(
            asset_events=[
                dg.AssetObservation(dg.AssetKey(list(table.key)), metadata=_metadata(table))
                for table in tables
            ],
            skip_reason=Storage.NOTED(tables="; ".join(full), again=again),
            cursor=seen,
        )

    return storage


def _metadata(table: Stored) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(table.rows),
        "megabytes": dg.MetadataValue.float(round(table.size_bytes / 1e6, 1)),
    }
    if table.oldest and table.newest:
        metadata["oldest"] = dg.MetadataValue.timestamp(table.oldest)
        metadata["newest"] = dg.MetadataValue.timestamp(table.newest)
    return metadata
