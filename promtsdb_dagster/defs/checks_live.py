"""Check that live rows are what the source says."""

import time
from collections.abc import Iterable, Mapping

import dagster as dg

from promtsdb_dagster.core.live_check import LiveReport
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained, window_list

# The sensor that has missing rows brought.
REPAIRS = "live_gaps"
# 4,000 hours that stay missing took 109 s at once, every ten minutes.
_SECONDS_FOR_KNOWN_GAPS = 20.0


def no_gaps_check(live: Group) -> dg.AssetChecksDefinition:
    """Return the check that compares live rows with the source."""

    @dg.asset_check(
        asset=live.key,
        name="no_gaps",
        description=(
            "Every sample that the live rules have in the source is stored, and no increment of "
            "theirs twice: looked up rule by rule and hour by hour since live data began, known "
            "gaps for 20 seconds a time. What is missing is repaired by the sensor `live_gaps`; "
            "what the source itself lacks is noted and asked for one day more. When it stays: look "
            "at the last run of backfill_live; when increments count twice: see "
            "docs/how-to/recover-wrong-rule.md."
        ),
    )
    def no_gaps(
        context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.AssetCheckResult:
        with failures_explained():
            began = time.monotonic()
            report = project.live_check().run(
                project.now(), lambda: time.monotonic() - began < _SECONDS_FOR_KNOWN_GAPS
            )
        text = explain(report)
        context.log.info(text)
        given_up = any(gap.missing and not gap.is_due for gap in report.gaps)
        bad = given_up or report.rows_taken or report.never_live or report.problems
        return dg.AssetCheckResult(
            passed=not (report.rows_missing or report.missing or report.totals_differing or bad),
            # What the sensor is about to repair is no reason to wake anybody.
            severity=dg.AssetCheckSeverity.ERROR if bad else dg.AssetCheckSeverity.WARN,
            description=text,
            metadata=_metadata(report),
        )

    return no_gaps


def explain(report: LiveReport) -> str:
    """Say in a few sentences what a comparison found and what comes next."""
    if report.live_since is None:
        return "no live row has arrived yet, so nothing is owed"
    since = f"{report.live_since:%Y-%m-%d %H:%M} UTC"
    sentences = [f"{report.rows:,} rows of {report.hours} hours compared; live since {since}"]
    if report.rows_missing:
        missing = report.rows_missing
        sentences.append(
            f"{missing.total():,} rows of {len(missing)} metrics are missing "
            f"({_some(missing)}); the sensor {REPAIRS} has backfill_live bring them"
        )
    if report.rows_taken:
        sentences.append(
            f"{report.rows_taken.total():,} increments count twice, or would: another series of "
            f"{_some(report.rows_taken)} has their minutes; wanted the same labels from vmalert "
            "and from the backfill; compare the rule files and Telegraf's `host` tag, then fetch "
            "the metric anew over that range as docs/how-to/recover-wrong-rule.md says"
        )
    if report.totals_differing:
        sentences.append(
            f"{report.totals_differing.total():,} increments have another value than the source "
            f"says now ({_some(report.totals_differing)}): samples came to it after vmalert had "
            "evaluated them; a longer DATASOURCE_SETTLE_SECONDS makes both wait; what is stored "
            "is mended as docs/how-to/recover-wrong-rule.md says"
        )
    if report.problems:
        name, why = next(iter(report.problems.items()))
        sentences.append(
            f"{len(report.problems)} rules cannot be compared, the first: {name}: {why}"
        )
    if report.never_live:
        sentences.append(
            f"no live row of {', '.join(report.never_live)} ever arrived; look at these rules in "
            "vmalert; until then backfill_forever brings their totals"
        )
    if report.hours_left:
        sentences.append(
            f"{report.hours_left:,} hours that lacked rows before had no turn this time, and have "
            "one in the next comparisons"
        )
    if not report.missing and not report.rows_missing:
        sentences.append("none is missing")
    return ". ".join(sentences)


def _some(counts: Mapping[str, int], most: int = 5) -> str:
    names = sorted(counts, key=lambda name: -counts[name])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"{name}: {counts[name]:,}" for name in names[:most]) + more


def _metadata(report: LiveReport) -> dict[str, dg.MetadataValue]:
    return {
        "hours": dg.MetadataValue.int(report.hours),
        "hours_left": dg.MetadataValue.int(report.hours_left),
        "rows_compared": dg.MetadataValue.int(report.rows),
        "rows_missing": dg.MetadataValue.int(report.rows_missing.total()),
        "rows_differing": dg.MetadataValue.int(report.rows_differing.total()),
        "minutes_missing": dg.MetadataValue.int(_minutes(report.missing)),
        "minutes_absent_in_the_source": dg.MetadataValue.int(_minutes(report.absent)),
        "missing": window_list(report.missing),
        "absent_in_the_source": window_list(report.absent),
        "missing_by_metric": dg.MetadataValue.json(dict(report.rows_missing)),
        "differing_by_metric": dg.MetadataValue.json(dict(report.rows_differing)),
    }


def _minutes(windows: Iterable[Window]) -> int:
    return sum(int(window.duration.total_seconds()) for window in windows) // 60
