"""The source is asked little, and only about what is missing; without it the rest is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from promtsdb_dagster.core.coverage import HOUR, NOWHERE, Facts, State
from promtsdb_dagster.core.coverage_source import QUERIES_A_RULE
from promtsdb_dagster.core.coverage_survey import CoverageSurvey, Stored
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window, parse_instant
from promtsdb_dagster.errors import ConfigurationError, InputError, SourceUnavailable
from tests.doubles.memory import MemorySource

START = parse_instant("2026-11-02")
DAY = timedelta(days=1)
NOW = START + 10 * DAY
SPAN = Window(START, NOW)
POLICY = Policy(history_start=START)


def rule(record: str, group: str = "backfill_1y", expr: str = "") -> Rule:
    return Rule(group, record, expr or f"{group}:{record}", {}, "rules.yaml", 1)


def group(name: str, step: timedelta, *records: str) -> RuleGroup:
    return RuleGroup(name, step, tuple(rule(record, name) for record in records), "rules.yaml")


GROUPS = {
    "live": group("live", timedelta(minutes=1), "Up", "down", "lonely"),
    "backfill_1w": group("backfill_1w", timedelta(minutes=15), "Up", "down"),
    "backfill_1y": group("backfill_1y", HOUR, "Up", "down"),
}


class Store:
    def __init__(self, *facts: Facts, **asked: list[Window]) -> None:
        self.told = Stored(facts, asked, unsettled=2 if asked else 0)

    def stored(self, span: Window) -> Stored:
        return self.told


def source(*last: tuple[str, datetime]) -> MemorySource:
    """Return a source whose expressions have one series up to an instant, or none."""
    ends = dict(last)

    def values(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
        return {"a": "1"} if instant < ends.get(expr, START) else {}

    return MemorySource(values, NOW)


def survey(store: Store, asked: MemorySource) -> CoverageSurvey:
    return CoverageSurvey(store, lambda: asked, GROUPS, Routing(), POLICY)


def test_of_a_metric_that_no_rule_makes_any_more_nothing_is_missing() -> None:
    store = Store(Facts("common", "gone", [Window(START, START + DAY)]))
    asked = source()
    found = survey(store, asked).run(SPAN, NOW, most_columns=20)
    row = next(row for row in found.rows if row.name == "gone")
    assert row.total == {(State.STORED, None): 24, (State.EXPIRED, None): 216}
    assert row.share == 1
    assert "no rule makes gone: what is stored stays" in found.remarks[-1]


def test_only_what_is_missing_is_asked_of_the_rules_with_the_longest_step() -> None:
    half = [Window(START, START + 5 * DAY)]
    store = Store(
        Facts("common", "up", half),
        Facts("common", "down", [SPAN]),
        Facts("common", "lonely", [SPAN]),
    )
    asked = source(("backfill_1y:Up", START + 6 * DAY))
    found = survey(store, asked).run(SPAN, NOW, most_columns=20)
    assert asked.asked == [("backfill_1y:Up", Window(START + 5 * DAY, NOW))]
    row = next(row for row in found.rows if row.name == "up")
    assert {state: row.hours(state) for state in State} == {
        State.STORED: 120,
        State.MISSING: 24,
        State.UNKNOWN: 0,
        State.ABSENT: 96,
        State.EXPIRED: 0,
    }
    assert row.share == 120 / 144


def test_what_was_asked_before_is_not_asked_again() -> None:
    store = Store(*(Facts("common", name, asked=[SPAN]) for name in ("up", "down", "lonely")))
    asked = source()
    found = survey(store, asked).run(SPAN, NOW, most_columns=20)
    assert asked.asked == []
    assert found.hours(State.ABSENT) == 3 * 240
    assert found.share is None


def test_many_holes_are_few_queries() -> None:
    torn = [Window(START + n * 5 * HOUR, START + n * 5 * HOUR + HOUR) for n in range(48)]
    store = Store(Facts("common", "up", torn), Facts("common", "down", [SPAN]))
    asked = source(("backfill_1y:Up", NOW))
    found = survey(store, asked).run(SPAN, NOW, most_columns=20)
    assert len([expr for expr, _ in asked.asked if expr == "backfill_1y:Up"]) == QUERIES_A_RULE
    row = next(row for row in found.rows if row.name == "up")
    assert (row.hours(State.STORED), row.hours(State.MISSING)) == (48, 192)


def test_a_metric_that_only_the_source_has_gets_a_row_and_one_that_nobody_has_another() -> None:
    store = Store(Facts("common", "down", [SPAN]))
    found = survey(store, source(("backfill_1y:Up", NOW))).run(SPAN, NOW, most_columns=20)
    assert [(row.schema, row.name) for row in found.rows] == [
        *(("common", "down"), ("common", "up"), (NOWHERE, "lonely"))
    ]
    assert found.rows[1].hours(State.MISSING) == 240
    assert found.rows[2].hours(State.ABSENT) == 240


@pytest.mark.parametrize("error", [SourceUnavailable("no answer"), ConfigurationError("no URL")])
def test_without_the_source_what_is_stored_is_told_with_a_remark(error: Exception) -> None:
    class Away(MemorySource):
        def clock(self) -> datetime:
            raise error

    def opened() -> MemorySource:
        if isinstance(error, ConfigurationError):
            raise error
        return Away(lambda *_: {}, NOW)

    store = Store(Facts("common", "up", [Window(START, START + DAY)]))
    found = CoverageSurvey(store, opened, GROUPS, Routing(), POLICY).run(SPAN, NOW, most_columns=20)
    assert found.remarks == (f"the source was not asked what it has: {error}",)
    assert found.rows[0].hours(State.STORED) == 24
    assert found.hours(State.UNKNOWN) == 216 + 2 * 240


def test_a_rule_that_cannot_be_asked_keeps_no_other_from_it() -> None:
    class Fails(MemorySource):
        def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping]:  # type: ignore[type-arg]
            if "down" in expr:
                raise SourceUnavailable("gone")
            return super().query_range(expr, window, step)

    found = CoverageSurvey(
        Store(), lambda: Fails(lambda *_: {"a": "1"}, NOW), GROUPS, Routing(), POLICY
    ).run(SPAN, NOW, most_columns=20)
    assert found.remarks == ("the source did not say what it has of down: gone",)
    hours = {row.name: row.hours(State.MISSING, State.UNKNOWN) for row in found.rows}
    assert hours == {"up": 240, "down": 240, "lonely": 240}
    assert found.hours(State.UNKNOWN) == 240


def test_the_picture_begins_where_there_is_something() -> None:
    stored = Facts("common", "up", [Window(START + 7 * DAY, NOW)])
    store = Store(stored, up=[])
    found = survey(store, source()).run(SPAN, NOW, most_columns=20, trim=True)
    assert found.span == Window(START + 7 * DAY, NOW)
    assert len(found.remarks) == 2
    assert found.remarks[0].startswith("2 changes are not in the aggregates yet")
    assert found.remarks[1] == (
        "from 2026-11-02 to 2026-11-09 nothing is stored, and the source has nothing"
    )
    assert survey(store, source()).run(SPAN, NOW, most_columns=20).span == SPAN


def test_a_span_without_a_whole_hour_is_refused() -> None:
    with pytest.raises(InputError, match="no hour of .* is over"):
        survey(Store(), source()).run(Window(NOW, NOW + HOUR), NOW, most_columns=20)
