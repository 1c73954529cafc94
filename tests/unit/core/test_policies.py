"""What is wrong with the upkeep is said with what to do; what is not wrong is not said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from promtsdb_dagster.core.policies import (
    COMPRESSION,
    REFRESH,
    RETENTION,
    ROLL_UP,
    Bucket,
    Change,
    Job,
    Upkeep,
    problems,
)
from promtsdb_dagster.core.windows import Window

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=timezone.utc)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TABLE, AGGREGATE = "internal.prometheus_remote_write", "geo.latest_coords"
FALSE_ALARM = {"error_code": "24000", "error": 'cannot drop portal "" while it is being set up'}

GAVE_WAY = {
    "error_code": "55P03",
    "error": 'could not refresh continuous aggregate "latest_coords" due to a concurrent refresh',
}


def job(kind: str, target: str, every: timedelta, number: int) -> Job:
    return Job(kind, target, number, True, every, NOW - every)


JOBS = (
    job(RETENTION, TABLE, DAY, 1000),
    job(COMPRESSION, TABLE, DAY / 2, 1001),
    job(COMPRESSION, "cumsum.prometheus_remote_write", DAY / 2, 1002),
    job(REFRESH, AGGREGATE, MINUTE, 1003),
    job(ROLL_UP, "internal.refresh_rollups", 10 * MINUTE, 1009),
)
WELL = Upkeep(
    "timescaledb",
    [Bucket(AGGREGATE, NOW - 11 * MINUTE, NOW - 11 * MINUTE)],
    jobs=JOBS,
    aggregates=[AGGREGATE],
)


def with_refresh(**changes: object) -> Upkeep:
    return replace(WELL, jobs=(*JOBS[:3], replace(JOBS[3], **changes), JOBS[4]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "upkeep",
    [
        WELL,
        replace(WELL, buckets=[Bucket(AGGREGATE, None, None)]),
        replace(WELL, buckets=[Bucket(AGGREGATE, NOW - 20 * MINUTE, NOW - 11 * MINUTE)]),
        with_refresh(started_at=None),
        with_refresh(started_at=NOW - 15 * MINUTE),
        with_refresh(failed=True, **FALSE_ALARM),
        with_refresh(failed=True, **GAVE_WAY),
        Upkeep("postgresql", refreshed_to=NOW - 2 * MINUTE),
    ],
    ids=[
        *("all well", "no rows", "rows were taken back", "new", "after five failures"),
        *("a false alarm", "another refresh was first", "plain"),
    ],
)
def test_nothing_is_wrong(upkeep: Upkeep) -> None:
    assert problems(upkeep, NOW) == []


@pytest.mark.parametrize(
    ("upkeep", "words"),
    [
        (replace(WELL, jobs=JOBS[1:]), f"there is no policy_retention on {TABLE}"),
        (with_refresh(scheduled=False), "SELECT public.alter_job(1003, scheduled => true)"),
        (with_refresh(started_at=NOW - 17 * MINUTE), "timescaledb.max_background_workers"),
        (
            with_refresh(failed=True, error_code="53100", error="no space left"),
            "on geo.latest_coords) failed: 53100 no space left; remove the cause",
        ),
        (replace(WELL, uncompressed_chunks=2), "CALL public.run_job(<id>)"),
        (replace(WELL, expired_chunks=2), "the job policy_retention"),
        (
            replace(WELL, buckets=[Bucket(AGGREGATE, NOW - 11 * MINUTE, NOW - 12 * MINUTE)]),
            "is 11:48 UTC, its rows ask for 11:49 UTC; run CALL public.run_job(1003)",
        ),
        (
            replace(WELL, changes=[Change(AGGREGATE, 3, Window(NOW - DAY, NOW))]),
            "make refresh FROM=2026-11-17 TO=2026-11-19",
        ),
        (Upkeep("postgresql", refreshed_to=NOW - 11 * MINUTE), "the Dagster daemon runs"),
        (Upkeep("postgresql", expired_rows=True), "materialize expired_rows"),
    ],
    ids=[
        *("removed", "off", "not run", "failed", "uncompressed", "expired", "behind", "waiting"),
        *("plain behind", "plain expired"),
    ],
)
def test_each_problem_says_what_to_do(upkeep: Upkeep, words: str) -> None:
    (told,) = problems(upkeep, NOW)
    assert words in told


def test_a_false_alarm_hides_no_missing_bucket() -> None:
    behind = replace(
        with_refresh(failed=True, **FALSE_ALARM), buckets=[Bucket(AGGREGATE, NOW, None)]
    )
    (told,) = problems(behind, NOW)
    assert "none of the last hour" in told
    assert "its last run said 24000 cannot drop portal" in told
