"""Checks of the raw rows: tags, doubles, freshness, and what the ledger says of them."""

from datetime import datetime
from random import Random

import dagster as dg

from promtsdb_dagster.core.doubles import judge_doubles
from promtsdb_dagster.core.freshness import judge_freshness
from promtsdb_dagster.core.ledger_check import judge_ledger
from promtsdb_dagster.core.orphans import judge_orphans
from promtsdb_dagster.core.verdicts import Verdict
from promtsdb_dagster.defs.checks_common import audit_check
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.storage import CUMSUM_KEY, INTERNAL_KEY, TAG_KEY

FRESH = dg.AssetCheckKey(INTERNAL_KEY, "live_rows_fresh")


def orphans_check() -> dg.AssetChecksDefinition:
    """Return the check that rows have their tags."""
    return audit_check(
        TAG_KEY,
        "no_orphans",
        "Every row has its tags: aggregates of gauges leave out rows without. Looks at all notes "
        "of late tags, and at twelve hours of each table, half of them of the newest day. When it "
        "fails: restart Telegraf, or bring the tags by a backfill with --recheck.",
        _orphans,
    )


def doubles_check() -> dg.AssetChecksDefinition:
    """Return the check that no minute of a running total counts twice."""
    return audit_check(
        CUMSUM_KEY,
        "no_doubles",
        "Each minute of a running total counts once, in all history, also from before the live "
        "start: no two host tags or label sets at an instant, no row inside a longer step that "
        "the ledger has whole, no time covered at two steps. When it fails: mend the labels and "
        "fetch the metric anew over that range, as docs/how-to/recover-wrong-rule.md says.",
        lambda project, _now, _rng: judge_doubles(project.row_audit().totals()),
    )


def freshness_check() -> dg.AssetChecksDefinition:
    """Return the check that live rows keep coming."""
    # Not Dagster's freshness: it judges events of assets, and these are rows that no run wrote.
    return audit_check(
        INTERNAL_KEY,
        "live_rows_fresh",
        "The newest live row of every live metric is younger than LIVE_PATIENCE_SECONDS and two "
        "minutes; passes while nothing is live yet, and where the source itself has nothing. When "
        "all are old, vmalert, Telegraf or Prometheus is down: look at their checks `healthy`; "
        "when some are: look at these rules in vmalert.",
        _freshness,
    )


def ledger_check(group: Group) -> dg.AssetChecksDefinition:
    """Return the check that the rows are there that the ledger of a group says."""

    def look(project: Project, now: datetime, rng: Random) -> Verdict:
        counts, counted = project.row_audit().ledger(group.rules, now, rng)
        return judge_ledger(group.asset, counts, counted)

    return audit_check(
        group.key,
        "ledger_holds",
        "Windows that the ledger has as verified have at least the rows that the source had: four "
        "at random, half of them verified since yesterday. No entry waits for over a day to be "
        "verified. The ledger has no checksum, so values are not compared. When it fails: backfill "
        "those days again, with --recheck where rows are gone.",
        look,
    )


def _orphans(project: Project, now: datetime, rng: Random) -> Verdict:
    noted, looked = project.row_audit().orphans(now, rng)
    return judge_orphans(noted, looked, now)


def _freshness(project: Project, now: datetime, _rng: Random) -> Verdict:
    audit = project.row_audit()
    return judge_freshness(audit.newest(now), audit.names, now)
