"""A database that was filled by a wrong rule, beside one that the right rule filled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.replacing import Replacer
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.replacing import Replacing
from promtsdb_dagster.core.report import Report
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing, tag_id, tags_of
from promtsdb_dagster.core.windows import Window
from tests.doubles.memory import MemorySource
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.live_world import increment

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOTAL, GAUGE, OTHER = "bytes_sent", "height", "depth"
ROUTING = Routing(cumulative=frozenset({TOTAL}))
_STEPS = {
    "live": MINUTE,
    "backfill_1w": 15 * MINUTE,
    "backfill_1y": HOUR,
    "backfill_forever": HOUR,
}
# What is compared; the windows of the ledger may be cut otherwise, not what they cover.
_CONTENTS = (
    "SELECT time, tag_id, name, schema, value FROM internal.prometheus_remote_write",
    "SELECT time, tag_id, name, schema, value FROM cumsum.prometheus_remote_write",
    """
    SELECT rule_group, rule, record, step, range_agg(tstzrange(window_start, window_end)),
        sum(rows_source), bool_and(verified_at IS NOT NULL)
    FROM internal.backfill_ledger GROUP BY 1, 2, 3, 4
    """,
    """
    SELECT tag_id, labels FROM internal.prometheus_remote_write_tag t
    WHERE EXISTS (SELECT FROM internal.prometheus_remote_write r WHERE r.tag_id = t.tag_id)
       OR EXISTS (SELECT FROM cumsum.prometheus_remote_write r WHERE r.tag_id = t.tag_id)
    """,
    *(f"SELECT * FROM {schema}.{name}" for schema, name, _ in AGGREGATES),  # noqa: S608
    "SELECT * FROM cumsum.all_metrics_hour",
    "SELECT * FROM cumsum.all_metrics_day",
    "SELECT * FROM internal.prometheus_common_1h",
    "SELECT * FROM internal.prometheus_common_1d",
)


def groups(wrong: bool) -> dict[str, RuleGroup]:
    """Return the rules; a wrong one says other values under other labels."""
    labels = {"node": "wrong"} if wrong else {"node": "right"}
    factor = "wrong" if wrong else "right"

    def rules(group: str) -> tuple[Rule, ...]:
        if group == "backfill_forever":
            return (Rule(group, TOTAL, f"total {factor}", labels, "f", 1),)
        gauges = (
            Rule(group, GAUGE, f"gauge {factor}", labels, "f", 2),
            Rule(group, OTHER, "other", {}, "f", 3),
        )
        totals = (Rule(group, TOTAL, f"total {factor}", labels, "f", 1),)
        return totals + gauges if group == "live" else gauges

    return {group: RuleGroup(group, step, rules(group), "f") for group, step in _STEPS.items()}


def values(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
    """Return what the source says: totals by increments, gauges by the instant."""
    kind, _, factor = expr.partition(" ")
    if kind == "total":
        whole = sum(increment(instant - k * MINUTE) for k in range(int(step / MINUTE)))
        return {"": str(whole * (3 if factor == "wrong" else 1))}
    value = int(instant.timestamp() / 60) + (10**9 if factor == "wrong" else 0)
    return {f"n{n}": str(value + n) for n in range(2)}


# By server, kind and hour: databases that were filled once, to be copied for each test.
_FILLED: dict[tuple[str, str, datetime], str] = {}
_NOWS: dict[tuple[str, datetime], datetime] = {}
_numbers = count(1)


def _right(world: ReplacedWorld) -> None:
    """Leave it as the right rules filled it."""


@contextmanager
def filled(
    cluster: Cluster,
    *,
    wrong: bool = False,
    more: Callable[[ReplacedWorld], None] = _right,
    now: datetime | None = None,
) -> Iterator[ReplacedWorld]:
    """Lend a database that the rules have filled and refreshed; to fill one takes three seconds.

    All of a server have the same `now`, until the hour is over: roll-ups end by the hour. Those
    that are compared are given that of the first.
    """
    if now is None:
        with ScratchDatabase(cluster.url("postgres")) as admin:
            now = w.floor(database_now(admin), MINUTE)
        now = _NOWS.setdefault((cluster.url(""), w.floor(now, HOUR)), now)
    hour = cluster.url(""), w.floor(now, HOUR)
    kind = (hour[0], f"{wrong} {more.__qualname__}", hour[1])
    if kind not in _FILLED:
        url = cluster.migrated_url()
        with ScratchDatabase(url) as database:
            world = ReplacedWorld(database, wrong=wrong, now=now)
            world.fill()
            world.refresh()
            more(world)
        _FILLED[kind] = url.rsplit("/", 1)[1]
    url = cluster.url(cluster.create(f"replaced_{next(_numbers)}", template=_FILLED[kind]))
    with ScratchDatabase(url) as database:
        yield ReplacedWorld(database, wrong=wrong, now=now)
    cluster.drop(url)


class ReplacedWorld:
    """One database; `now` is the server's, at a full minute. Live rows began two hours ago."""

    def __init__(
        self,
        database: ScratchDatabase,
        *,
        wrong: bool,
        days: int = 9,
        now: datetime | None = None,
    ) -> None:
        self.database = database
        self.now = now or w.floor(database_now(database), MINUTE)
        self.start = w.floor(self.now, DAY) - days * DAY
        self.live_since = self.now - 2 * HOUR
        # What the source still has.
        self.history_from = self.start - DAY
        self.source = MemorySource(self._answer, self.now)
        self.groups = groups(wrong)
        self.policy = Policy(history_start=self.start, concurrency=1, instants_per_unit=48)
        self.days = w.split(Window(self.start, w.ceil(self.now + HOUR, DAY)), DAY)

    def _answer(self, expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
        return values(expr, instant, step) if instant >= self.history_from else {}

    def fill(self) -> None:
        """Take live rows, then run all groups, as the first start does."""
        with self.database.connection() as connection:
            for name, schema in ((TOTAL, "cumsum"), (GAUGE, "common"), (OTHER, "common")):
                connection.execute(
                    "INSERT INTO internal.live_start VALUES (%s, %s, %s)",
                    (name, schema, self.live_since),
                )
        self.send_live(self.live_since, self.now - MINUTE)
        for group in ("backfill_forever", "backfill_1y", "backfill_1w"):
            self.backfill(group)

    def mend(self) -> None:
        """Write the right rules into the rule files."""
        self.groups = groups(wrong=False)

    def backfill(self, group: str) -> None:
        """Run a group over all days."""
        engine = Backfill(self.source, Writer(self.database), self.groups, ROUTING, self.policy)
        report = engine.run(group, self.days, now=self.now)
        assert report.error is None, report.error

    def replacing(self) -> Replacing:
        """Return what replaces."""
        store = Replacer(self.database)
        return Replacing(self.source, store, self.groups, ROUTING, self.policy)

    def replace(
        self,
        *records: str,
        window: Window | None = None,
        accept_loss: bool = False,
        group: str = "live",
    ) -> Report:
        """Replace metrics over all days, or in one window."""
        only = Only((window,) if window else (), frozenset(records))
        return self.replacing().run(
            group, self.days, now=self.now, only=only, accept_loss=accept_loss, run_id="again"
        )

    def send_live(self, first: datetime, last: datetime, host: str | None = None) -> None:
        """Send live rows of the rules of the moment by the door that Telegraf uses."""
        moments = [first + k * MINUTE for k in range(int((last - first) / MINUTE) + 1)]
        for rule in self.groups["live"].rules:
            self._send(rule, moments, {"host": host} if host else {})

    def _send(self, rule: Rule, moments: Iterable[datetime], more: Mapping[str, str]) -> None:
        total = rule.record == TOTAL
        table = f"staging_{'cumsum' if total else 'internal'}.prometheus_remote_write"
        bags, rows = {}, []
        for moment in moments:
            for series, value in values(rule.expr, moment, MINUTE).items():
                labels = {"series": series} if series else {}
                bag = tags_of(rule.record, {**labels, **rule.labels, **more})
                bags[tag_id(bag)] = bag
                schema = "cumsum" if total else "common"
                rows.append((moment, tag_id(bag), rule.record, schema, value))
        with self.database.connection() as connection:
            for key, found in bags.items():
                connection.execute(
                    "SELECT internal.upsert_tags(ARRAY[%s]::bigint[], ARRAY[jsonb_object(%s, %s)])",
                    (key, list(found), list(found.values())),
                )
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as sink:  # type: ignore[arg-type]
                for row in rows:
                    sink.write_row(row)

    def refresh(self) -> None:
        """Refresh what was noted, as automation does, and the last hour, as policies do."""
        aggregates = Aggregates(self.database)
        window = Window(self.start - DAY, self.now)
        for schema, name, _ in AGGREGATES:
            aggregates.refresh(f"{schema}.{name}", Window(self.now - HOUR, self.now))
            aggregates.refresh(f"{schema}.{name}", window, only_changed=True)

    def total(self, until: datetime) -> int:
        """Return the running total as it is stored, up to and with an instant."""
        with self.database.connection() as connection:
            row = connection.execute(
                "SELECT sum(value) FROM cumsum.prometheus_remote_write WHERE time <= %s", (until,)
            ).fetchone()
        assert row is not None
        return int(row[0])

    def expected_total(self, until: datetime) -> int:
        """Return what the right rule adds up to, from the first hour of history on."""
        first = self.start - HOUR + MINUTE
        return sum(increment(first + k * MINUTE) for k in range(int((until - first) / MINUTE) + 1))

    def own_the_live_minutes(self) -> int:
        """Delete the entries of live minutes, which only a replacement has; return how many."""
        with self.database.connection() as connection:
            return connection.execute(
                "DELETE FROM internal.backfill_ledger"
                " WHERE rule_group = 'live' AND window_start >= %s",
                (self.live_since,),
            ).rowcount

    def contents(self) -> list[list[str]]:
        """Return rows, ledger, tags and aggregates, in an order of no meaning."""
        with self.database.connection() as connection:
            return [sorted(map(repr, connection.execute(q).fetchall())) for q in _CONTENTS]  # type: ignore[call-overload]


def database_now(database: ScratchDatabase) -> datetime:
    """Return the server's now."""
    with database.connection() as connection:
        row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    now: datetime = row[0]
    return now.astimezone(w.EPOCH.tzinfo)
