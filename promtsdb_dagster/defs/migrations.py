"""One asset for each migration file, chained."""

import time
from collections.abc import Sequence

import dagster as dg

from promtsdb_dagster.adapters.migrations import Migration
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained, show_step

GROUP = "migrations"
MIGRATE_JOB = dg.define_asset_job(
    "migrate",
    selection=dg.AssetSelection.groups(GROUP),
    description="Apply every migration that the database does not have yet. Safe to repeat.",
)


def migration_assets(migrations: Sequence[Migration]) -> list[dg.AssetsDefinition]:
    """Return the assets in the order in which they are applied."""
    assets: list[dg.AssetsDefinition] = []
    for migration in migrations:
        assets.append(_asset(migration, assets[-1].key if assets else None, len(migrations)))
    return assets


def _asset(migration: Migration, previous: dg.AssetKey | None, total: int) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey([GROUP, migration.name]),
        deps=[previous] if previous else [],
        group_name=GROUP,
        kinds={"sql", "postgres"},
        code_version=_code_version(migration),
        description=(
            f"`sql/migrations/{migration.name}.up.sql`, or the file of the same name in "
            "`sql/portable/` on PostgreSQL without TimescaleDB. Materializing applies what is "
            "missing up to this file; what is applied already is left alone."
        ),
    )
    def migration_asset(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[None]:
        started = time.monotonic()
        with failures_explained():
            migrator = project.migrator()
            applied = migrator.up(to=migration.version)
            engine = migrator.status().engine
        show_step(GROUP, migration.version, total, migration.name)
        names = [done.name for done in applied]
        if names:
            context.log.info(f"applied {', '.join(names)}")
        else:
            context.log.debug("already applied")
        return dg.MaterializeResult(
            # The same file leaves the same schema: what is downstream is not out of date.
            data_version=dg.DataVersion(_code_version(migration)),
            metadata={
                "engine": engine,
                "version": migration.version,
                "already_applied": not names,
                "applied": dg.MetadataValue.json(names),
                "seconds": round(time.monotonic() - started, 3),
            },
        )

    return migration_asset


def _code_version(migration: Migration) -> str:
    """Return one word that changes with the text for either engine."""
    texts = [migration.checksum("timescaledb"), migration.checksum("postgresql")]
    return "-".join(text[:16] for text in dict.fromkeys(texts))
