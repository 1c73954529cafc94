"""Checks of the aggregates: what they say is what their rows say."""

from datetime import datetime
from random import Random

import dagster as dg

from promtsdb_dagster.core.bucket_check import judge_buckets
from promtsdb_dagster.core.verdicts import Verdict
from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.checks_common import audit_check
from promtsdb_dagster.defs.project import Project


def buckets_check(aggregate: Aggregate) -> dg.AssetChecksDefinition:
    """Return the check that buckets of one aggregate are what their rows say."""

    def look(project: Project, now: datetime, rng: Random) -> Verdict:
        report = project.bucket_audit().compare(aggregate.table, now, rng)
        return judge_buckets(aggregate.table, report.compared, report.pending)

    return audit_check(
        aggregate.key,
        "agrees_with_rows",
        f"Buckets of `{aggregate.table}` are what the raw rows say, and its hours and days what "
        "its minutes say: twelve hours and two days at random, half of them new. Leaves out what "
        "waits for a refresh, the last 75 minutes, and what has no raw rows any more. When it "
        "fails: `promtsdb refresh` over the days that it names.",
        look,
    )
