"""Whatever the source does wrong, the database stays as it was, and a re-run is whole."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import orjson
import pytest

from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.report import Report
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import (
    RuleError,
    SourceIncomplete,
    SourceRejected,
    SourceTooLarge,
    SourceUnavailable,
)
from tests.doubles.scripted_http import Answer, scripted
from tests.fix_postgres import ScratchDatabase

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 11, 1, tzinfo=timezone.utc)
FIRST = int(START.timestamp())
NOW = START + 10 * DAY
WINDOW = Window(START, START + DAY)


def group(*exprs: str) -> RuleGroup:
    rules = tuple(
        Rule("gauges", "height", expr, {}, "rules/mine.yaml", 10 + n)
        for n, expr in enumerate(exprs)
    )
    return RuleGroup("gauges", HOUR, rules, "rules/mine.yaml")


def series(*points: list[object], **labels: str) -> dict[str, object]:
    return {"metric": labels, "values": list(points)}


def matrix(*found: dict[str, object], **more: object) -> Answer:
    data = {"resultType": "matrix", "result": list(found)}
    return Answer(orjson.dumps({"status": "success", "data": data, **more}))


WHOLE = matrix(series([FIRST, "1"], [FIRST + 3600, "2"], instance="a"))


def run(
    database: ScratchDatabase, url: str, rules: RuleGroup | None = None, **policy: int
) -> Report:
    found = rules or group("height")
    limits = Policy(history_start=START, **policy)  # type: ignore[arg-type]
    with Prometheus(url, attempts=2, timeout_seconds=5) as source:
        backfill = Backfill(source, Writer(database), {"gauges": found}, Routing(), limits)
        return backfill.run("gauges", [WINDOW], now=NOW)


def counts(database: ScratchDatabase) -> list[int]:
    tables = (
        "internal.prometheus_remote_write",
        "internal.prometheus_remote_write_tag",
        "internal.backfill_ledger",
        "internal.aggregate_change",
    )
    with database.connection() as connection:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[index]  # noqa: S608
            for table in tables
        ]


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer(b"", 503), SourceUnavailable, "answered 503"),
        (Answer(WHOLE.body, promised=10), SourceUnavailable, "did not answer"),
        (Answer(b"{}", 401), SourceRejected, "answered 401"),
        (Answer(b"not here", 404, "text/plain"), SourceRejected, "is DATASOURCE_URL the base URL"),
        (Answer(b"<html>", content_type="text/html"), SourceIncomplete, "text/html"),
        (Answer(WHOLE.body[:-9]), SourceIncomplete, "not JSON"),
        (matrix(warnings=["results truncated"]), SourceIncomplete, "results truncated"),
        (matrix(series([FIRST + 1, "1"])), SourceIncomplete, "wanted multiples of 3600 s"),
        (matrix(series([FIRST - 3600, "1"])), SourceIncomplete, "does not answer what was asked"),
        (
            matrix(series([FIRST, "1"], __name__="a"), series([FIRST, "1"], __name__="b")),
            RuleError,
            "rules/mine.yaml:10: rule 'height' of group 'gauges' returns the label set",
        ),
    ],
)
def test_a_fault_of_the_source_leaves_the_database_alone(
    plain_database: ScratchDatabase, answer: Answer, error: type[Exception], says: str
) -> None:
    with scripted(answer) as server:
        report = run(plain_database, server.url)

    assert isinstance(report.error, error)
    assert says in str(report.error)
    assert counts(plain_database) == [0, 0, 0, 0]
    assert not report.partitions[0].complete

    with scripted(WHOLE) as server:
        healed = run(plain_database, server.url)
    assert healed.error is None
    assert counts(plain_database)[:3] == [2, 1, 1]


def test_a_window_fails_as_a_whole_when_one_of_its_rules_does(
    plain_database: ScratchDatabase,
) -> None:
    both = group("height", "height_of_another_network")
    with scripted(WHOLE, Answer(b"{}", 401)) as server:
        report = run(plain_database, server.url, both)

    assert isinstance(report.error, SourceRejected)
    assert counts(plain_database) == [0, 0, 0, 0]


def test_two_rules_that_give_the_same_series_are_both_named(
    plain_database: ScratchDatabase,
) -> None:
    with scripted(WHOLE) as server:
        report = run(plain_database, server.url, group("height", "height * 1"))

    assert isinstance(report.error, RuleError)
    assert "rules/mine.yaml:11" in str(report.error)
    assert "rules/mine.yaml:10 returns too" in str(report.error)
    assert counts(plain_database) == [0, 0, 0, 0]


def test_an_empty_source_is_asked_again_and_not_taken_for_done(
    plain_database: ScratchDatabase,
) -> None:
    with scripted(matrix()) as server:
        report = run(plain_database, server.url)
    assert report.error is None
    assert "asked again next time" in report.partitions[0].skipped[0]
    assert counts(plain_database) == [0, 0, 0, 0]

    with scripted(WHOLE) as server:
        later = run(plain_database, server.url)
    assert later.rows_written == 2


def test_an_answer_that_is_too_large_even_for_one_hour_is_refused(
    plain_database: ScratchDatabase,
) -> None:
    many = matrix(*(series([FIRST, "1"], n=str(n)) for n in range(10)))
    with scripted(many) as server:
        report = run(plain_database, server.url, rows_per_unit=9)

    assert isinstance(report.error, SourceTooLarge)
    assert counts(plain_database) == [0, 0, 0, 0]
