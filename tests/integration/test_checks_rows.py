"""Each check of the rows passes on a right database and names exactly what somebody broke."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from promtsdb_dagster.adapters.audit_rows import RowAudit
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.doubles import judge_doubles
from promtsdb_dagster.core.freshness import judge_freshness
from promtsdb_dagster.core.ledger_check import judge_ledger
from promtsdb_dagster.core.orphans import judge_orphans
from promtsdb_dagster.core.verdicts import Names, Verdict
from tests.fix_postgres import ScratchDatabase
from tests.live_world import DAY, GAUGE, HOUR, MINUTE, PATIENCE, TOTAL, LiveWorld, minutes
from tests.rows import put, tag

NAMES = Names(frozenset({TOTAL, GAUGE}), frozenset({TOTAL}), frozenset(), PATIENCE)
SEED = 7


@pytest.fixture
def world(database: ScratchDatabase) -> LiveWorld:
    """History by the hour, then live rows of both metrics for three hours, up to now."""
    world = LiveWorld(database)
    since = world.now - 3 * HOUR
    world.say_live_since(since)
    for name in (TOTAL, GAUGE):
        world.send(name, minutes(since, world.now))
    world.backfill("backfill_forever")
    return world


def ask(world: LiveWorld, statement: str, *values: object) -> None:
    with world.database.connection() as connection:
        connection.execute(statement, values or None)


def orphans(world: LiveWorld) -> Verdict:
    audit = RowAudit(world.database, NAMES)
    return judge_orphans(*audit.orphans(world.now, Random(SEED)), world.now)


def doubles(world: LiveWorld, names: Names = NAMES) -> Verdict:
    return judge_doubles(RowAudit(world.database, names).totals())


def freshness(world: LiveWorld, later: timedelta = timedelta(0)) -> Verdict:
    now = world.now + later
    return judge_freshness(RowAudit(world.database, NAMES).newest(now), NAMES, now)


def ledger(world: LiveWorld, later: timedelta = timedelta(0)) -> Verdict:
    audit = RowAudit(world.database, NAMES)
    found = audit.ledger("backfill_forever", world.now + later, Random(SEED))
    return judge_ledger("backfill_forever", *found)


def severe(verdict: Verdict) -> str:
    """Return the one sentence of what is an error."""
    assert not verdict.passed
    (text,) = verdict.severe
    return text


def fact(verdict: Verdict, name: str) -> Any:
    return verdict.facts[name]


def test_a_right_database_passes(world: LiveWorld) -> None:
    for verdict in (orphans(world), doubles(world), freshness(world), ledger(world)):
        assert verdict.passed, verdict.text
    assert fact(orphans(world), "rows_looked_at") > 100
    assert fact(doubles(world), "rows") > 220
    assert fact(doubles(world), "rows_of_steps") > 40
    assert fact(ledger(world), "rows_looked_at") > 40


def test_an_empty_database_passes(database: ScratchDatabase) -> None:
    world = LiveWorld(database)
    for verdict in (orphans(world), doubles(world), freshness(world), ledger(world)):
        assert verdict.passed, verdict.text
    assert "no live row has arrived yet" in freshness(world).text


def test_rows_whose_tags_were_deleted(world: LiveWorld) -> None:
    ask(
        world,
        "DELETE FROM internal.prometheus_remote_write_tag WHERE labels ->> 'series' = 'node1'",
    )
    text = severe(orphans(world))
    assert "1 series in internal" in text
    assert "promtsdb backfill --recheck --asset backfill_live --from" in text
    assert fact(orphans(world), "rows_without_tags") > 0


def test_late_tags_are_no_alarm_until_they_are_very_late(database: ScratchDatabase) -> None:
    world = LiveWorld(database)
    world.say_live_since(world.now - 5 * MINUTE)
    world.send(GAUGE, minutes(world.now - 5 * MINUTE, world.now), tags=False)
    assert orphans(world).passed
    assert fact(orphans(world), "series_noted") == 2
    world.now += HOUR
    verdict = orphans(world)
    assert (len(verdict.severe), len(verdict.minor)) == (0, 1)
    assert "restart Telegraf" in verdict.text


def _twin(world: LiveWorld, labels: dict[str, str], offset: timedelta) -> None:
    """Store one more row of the total under other labels, at the time of another row."""
    tag(world.database, {7: {"tli_name": TOTAL, **labels}})
    put(world.database, [(world.now - offset, 7, TOTAL, "cumsum", 5)], "cumsum")


@pytest.mark.parametrize("offset", [10 * MINUTE, DAY], ids=["live", "before the live start"])
def test_two_host_tags_at_one_instant(world: LiveWorld, offset: timedelta) -> None:
    at = w.floor(world.now, HOUR) - DAY if offset == DAY else world.now - offset
    _twin(world, {"host": "another"}, world.now - at)
    text = severe(doubles(world))
    assert f"1 increments of {TOTAL} between {at:%Y-%m-%dT%H:%MZ}" in text
    assert "two host tags, " in text
    assert "'another'" in text
    assert "docs/how-to/recover-wrong-rule.md" in text
    assert fact(doubles(world), "increments_twice") == 1


def test_a_label_more_at_one_instant(world: LiveWorld) -> None:
    _twin(world, {"host": "telegraf", "tier": "new"}, 10 * MINUTE)
    assert "no label 'tier'" in severe(doubles(world))
    several = replace(NAMES, several=frozenset({TOTAL}))
    assert doubles(world, several).passed, "two rules make it, side by side"


def test_series_side_by_side_and_labels_that_changed_are_right(world: LiveWorld) -> None:
    """One rule has several series; a rule that got a label goes on under a new series."""
    for number in (1, 2):
        tag(world.database, {number: {"tli_name": "by_node", "node": str(number)}})
    rows = [(world.now - 10 * MINUTE, number, "by_node", "cumsum", 5) for number in (1, 2)]
    put(world.database, rows, "cumsum")
    _twin(world, {"host": "telegraf", "tier": "new"}, -MINUTE)
    assert doubles(world).passed, doubles(world).text


def test_a_minute_inside_of_an_hour_that_the_ledger_has(world: LiveWorld) -> None:
    """From before the live start, where the comparison with the source does not look."""
    at = w.floor(world.now, HOUR) - 20 * HOUR - 17 * MINUTE
    with world.database.connection() as connection:
        row = connection.execute("SELECT tag_id FROM cumsum.prometheus_remote_write").fetchone()
    assert row is not None
    put(world.database, [(at, row[0], TOTAL, "cumsum", 5)], "cumsum")
    text = severe(doubles(world))
    assert f"1 increments of {TOTAL} between {at:%Y-%m-%dT%H:%MZ}" in text
    assert "a row inside a longer step that the ledger has whole" in text
    assert "docs/how-to/recover-wrong-rule.md" in text


def test_a_minute_before_the_live_start_that_nothing_covers_is_right(world: LiveWorld) -> None:
    """A live row that was held up: the plan completes its hour by the minute."""
    ask(world, "DELETE FROM internal.backfill_ledger")
    ask(world, "DELETE FROM cumsum.prometheus_remote_write WHERE time < now() - INTERVAL '1 day'")
    world.send(TOTAL, [w.floor(world.now, HOUR) - 30 * HOUR - 17 * MINUTE])
    world.backfill("backfill_forever")
    assert doubles(world).passed, doubles(world).text


def test_time_that_the_ledger_has_at_two_steps(world: LiveWorld) -> None:
    ask(
        world,
        "INSERT INTO internal.backfill_ledger SELECT 'live', rule, record, INTERVAL '1 minute',"
        " window_start, window_start + INTERVAL '1 hour', 1, 60, 0, 0, 0, NULL, now(), now()"
        " FROM internal.backfill_ledger ORDER BY window_start LIMIT 1",
    )
    text = severe(doubles(world))
    assert f"{TOTAL} that time is covered at two steps" in text
    assert "docs/how-to/recover-wrong-rule.md" in text


def test_everything_is_stale(world: LiveWorld) -> None:
    assert freshness(world, 6 * MINUTE).passed
    text = severe(freshness(world, 8 * MINUTE))
    assert "no live row of any of 2 metrics" in text
    assert "vmalert or Telegraf is down" in text
    assert "over 2:00:00" in severe(freshness(world, 300 * MINUTE))


def test_one_rule_stopped(world: LiveWorld) -> None:
    ask(
        world,
        "DELETE FROM cumsum.prometheus_remote_write WHERE time > %s",
        world.now - 30 * MINUTE,
    )
    verdict = freshness(world)
    assert not verdict.severe
    assert f"1 of 2 metrics have no live row within 7 minutes ({TOTAL})" in verdict.text
    assert "in vmalert" in verdict.text
    assert fact(verdict, "minutes_by_metric") == {GAUGE: 0, TOTAL: 30}


def test_what_the_source_lacks_is_no_fault_of_ours(world: LiveWorld) -> None:
    ask(
        world,
        "DELETE FROM internal.prometheus_remote_write WHERE time > %s",
        world.now - 30 * MINUTE,
    )
    ask(
        world,
        "INSERT INTO internal.live_gap (record, hour, missing, absent, attempts)"
        " VALUES (%s, %s, '{}', tstzmultirange(tstzrange(%s, %s)), 0)",
        *(GAUGE, w.floor(world.now, HOUR), world.now - 29 * MINUTE, world.now - 5 * MINUTE),
    )
    verdict = freshness(world)
    assert verdict.passed, verdict.text
    assert fact(verdict, "metrics_absent_in_the_source") == 1


def test_rows_that_are_gone(world: LiveWorld) -> None:
    ask(
        world,
        "DELETE FROM cumsum.prometheus_remote_write WHERE time = ANY (SELECT time FROM"
        " cumsum.prometheus_remote_write ORDER BY time LIMIT 3)",
    )
    text = severe(ledger(world))
    assert f"3 rows are gone that the ledger has as verified ({TOTAL})" in text
    assert "promtsdb backfill --recheck --asset backfill_forever --from" in text
    assert "docs/how-to/recover-wrong-rule.md" in text
    assert fact(ledger(world), "rows_gone") == 3
    world.backfill("backfill_forever", recheck=True)
    assert ledger(world).passed


def test_two_editions_of_a_rule_mean_the_same_rows(world: LiveWorld) -> None:
    ask(
        world,
        "INSERT INTO internal.backfill_ledger SELECT rule_group, rule || ' edited', record, step,"
        " window_start, window_end, series, rows_source, 0, rows_source, 0, run_id, written_at,"
        " verified_at FROM internal.backfill_ledger",
    )
    assert ledger(world).passed, ledger(world).text


def test_entries_that_a_crash_left(world: LiveWorld) -> None:
    ask(world, "UPDATE internal.backfill_ledger SET verified_at = NULL")
    assert ledger(world).passed
    verdict = ledger(world, 2 * DAY)
    assert not verdict.severe
    assert "not verified for over a day" in verdict.text
    assert "promtsdb backfill --asset backfill_forever --from" in verdict.text
    assert fact(verdict, "entries_unverified_for_a_day") > 0
