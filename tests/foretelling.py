"""Dry runs beside the real ones: what was foretold, compared with what was done."""

from __future__ import annotations

from collections.abc import Mapping

from promtsdb_dagster.adapters.dry_run import DryReplacer, DryWriter
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.dry_run import DryRun, Estimate
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.ports import Source
from promtsdb_dagster.core.replacing import Replacing
from promtsdb_dagster.core.report import PartitionReport, Report
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.samples import Routing
from tests.fix_postgres import ScratchDatabase


def dry_run(
    database: ScratchDatabase,
    source: Source,
    groups: Mapping[str, RuleGroup],
    routing: Routing,
    policy: Policy,
) -> DryRun:
    """Return a dry run whose connections cannot write."""
    read_only = ScratchDatabase(database.url, read_only=True)
    store = DryWriter(read_only)
    return DryRun(
        Backfill(source, store, groups, routing, policy),
        Replacing(source, DryReplacer(read_only), groups, routing, policy),
        store,
        groups,
        routing,
        policy,
    )


def told(part: PartitionReport) -> dict[str, object]:
    """Return what a dry run must foretell of a partition."""
    return {
        "partition": part.window,
        "windows": part.windows,
        "written": part.rows_written,
        "present": part.rows_present,
        "differing": part.rows_differing,
        "deleted": part.rows_deleted,
        "lost": part.instants_lost,
        "series": part.series,
        "dropped": part.dropped,
        "rules": part.rules,
        "queries": part.queries,
        "instants": part.instants,
        "left out": part.skipped,
        "done": part.found_done,
    }


def assert_true(estimate: Estimate, report: Report) -> None:
    """Compare what was foretold with what was done."""
    assert report.error is None, report.error
    assert [told(part.report) for part in estimate.partitions] == [
        told(part) for part in report.partitions
    ]
