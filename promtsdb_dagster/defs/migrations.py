"""One asset for each migration file, chained."""

import time
from collections.abc import Sequence

import dagster as dg

from promtsdb_dagster.adapters.migrations import Migration
from promtsdb_dagster.core.migrations import Engine
from promtsdb_dagster.core.sql_contents import made, remark
from promtsdb_dagster.defs.describing import OWNERS, described, links
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained, show_step

GROUP = "migrations"
_ENGINES: tuple[Engine, ...] = ("timescaledb", "postgresql")
_MATERIALIZING = (
    "Materializing applies what is missing up to this file, each file in one transaction; what is "
    "applied already is left alone."
)
_WHEN_RED = (
    "the run's first line says which statement failed and why; nothing of its file was applied. "
    "Mend that and materialize again. Never edit a file that was applied: add one. On the last "
    "file, `schema_true` names objects that differ from the files."
)
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
        owners=OWNERS,
        tags={"path": "schema"},
        code_version=_code_version(migration),
        description=described(_holds(migration), _WHEN_RED),
        metadata=links(
            *dict.fromkeys(migration.path(engine, "up") for engine in _ENGINES),
            migration.path("timescaledb", "down"),
            "promtsdb_dagster/defs/migrations.py",
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
                "files_applied": len(names),
                "applied": dg.MetadataValue.json(names),
                "seconds": round(time.monotonic() - started, 3),
            },
        )

    return migration_asset


def _holds(migration: Migration) -> str:
    text = migration.up_text("timescaledb")
    paragraphs = [
        remark(text),
        f"Makes: {made(text)}." if made(text) else "",
        "" if remark(text) or made(text) else f"Changes {migration.topic.replace('_', ' ')}.",
        _MATERIALIZING,
    ]
    return "\n\n".join(filter(None, paragraphs))


def _code_version(migration: Migration) -> str:
    """Return one word that changes with the text for either engine."""
    texts = [migration.checksum(engine) for engine in _ENGINES]
    return "-".join(text[:16] for text in dict.fromkeys(texts))
