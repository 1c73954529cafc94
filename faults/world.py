"""Where a fault is tried: one server that may be killed, one source, databases, a seed."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from faults.oracle import Difference, compare
from faults.postgres import Postgres
from faults.source import DAY, Source, Times
from faults.truth import Part, Truth
from faults.waiting import until
from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.rulefiles import load_groups, load_routing
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.settings import ROOT

RULES = ROOT / "rules"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# A group and one of its partitions.
Work = tuple[str, Window]


@dataclass
class World:
    """One engine's servers; a try begins with `new_database`."""

    engine: str
    folder: Path
    postgres: Postgres
    prometheus: Source
    truth: Truth
    seed: int
    say: Callable[[str], None] = print
    rng: random.Random = field(init=False)
    database_url: str = ""
    # What undisturbed jobs take, and the worker that waits for the next one.
    measured: dict[str, float] = field(default_factory=dict)
    spare: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.seed} {self.engine}")

    @property
    def times(self) -> Times:
        """Return the fixed moments of the history; `now` is what backfills are told."""
        return self.prometheus.times

    def new_database(self, *, empty: bool = False) -> str:
        """Drop the database of the last try, and return the owner's URL of the next one."""
        if self.database_url:
            self.postgres.drop(self.database_url)
            self.database_url = ""
        make = self.postgres.empty_url if empty else self.postgres.migrated_url
        self.database_url = make()
        return self.database_url

    def admin_url(self) -> str:
        """Return the superuser's URL of the try's database."""
        return self.postgres.admin_url(self.database_url.rsplit("/", 1)[1])

    def until(self, condition: Callable[[], object], seconds: float, what: str = "") -> None:
        """Return when the condition is true; raise NeverCame when it is not within `seconds`."""
        until(condition, seconds, what or getattr(condition, "__name__", "a condition"))

    def work(self) -> list[Work]:
        """Return all partitions of all groups that the history has something for."""
        return work_of(self.times)

    def parts(self) -> list[Part]:
        """Return what must be stored once `work` is done, whatever happened on the way."""
        return parts_of(self.times)

    @contextmanager
    def backfill(
        self, *, url: str = "", source_url: str = "", **policy: object
    ) -> Iterator[Backfill]:
        """Lend a backfill of the shipped rules into the try's database, as the assets make it."""
        database, source = url or self.database_url, source_url or self.prometheus.url
        with opened(database, source, self.times, **policy) as backfill:  # type: ignore[arg-type]
            yield backfill

    def finish(self, work: Sequence[Work] = ()) -> None:
        """Do the work again until it is done, as a retried run does; raise what it raises."""
        with self.backfill() as backfill:
            for group, window in work or self.work():
                report = backfill.run(group, [window], now=self.times.now, run_id="again")
                if report.error is not None:
                    raise report.error

    def refresh(self) -> None:
        """Refresh what was noted as changed, as the runs that follow a backfill do."""
        refresh_all(self.database_url, self.times, self.rng)

    def compare(
        self, parts: Sequence[Part] = (), *, aggregates: bool = False, ledger: bool = True
    ) -> Difference:
        """Return how the try's database differs from the truth."""
        wanted = parts or self.parts()
        found = compare(self.database_url, self.truth, wanted, aggregates=aggregates, ledger=ledger)
        if found:
            self.say(f"  {self.engine}: {found}")
        return found


def work_of(times: Times) -> list[Work]:
    """Return the partitions; no two groups share an instant, so the order must not matter."""
    days = [Window(times.start + n * DAY, times.start + (n + 1) * DAY) for n in range(3)]
    return [
        *(("backfill_forever", day) for day in days),
        ("backfill_1y", days[0]),
        ("backfill_1w", days[1]),
        ("live", days[2]),
    ]


def parts_of(times: Times) -> list[Part]:
    """Return the same as instants: totals by the hour, what is left of an hour by the minute."""
    hour = times.now.replace(minute=0, second=0)
    # What is younger than a minute is not settled.
    settled = times.now.replace(second=0)
    return [
        Part("backfill_forever", times.start, hour + MINUTE),
        Part("live", hour + MINUTE, settled, gauges=False),
        Part("backfill_1y", times.start, times.boundary),
        Part("backfill_1w", times.boundary, times.midnight),
        Part("live", times.midnight, settled, totals=False),
    ]


def refresh_all(url: str, times: Times, chance: random.Random) -> None:
    """Refresh every aggregate where something was noted, in any order."""
    whole = Window(times.start - DAY, times.midnight + DAY)
    with Database(url) as database:
        for schema, name, _ in chance.sample(AGGREGATES, len(AGGREGATES)):
            Aggregates(database).refresh(f"{schema}.{name}", whole, only_changed=True)


@contextmanager
def opened(
    url: str, source_url: str, times: Times, newest: int | None = None, **policy: object
) -> Iterator[Backfill]:
    """Lend a backfill of the shipped rules; closes what it opened.

    `newest` is the last migration that it knows, None for one that does not look.
    """
    limits = Policy(
        history_start=times.start,
        # The same three days as in `work_of`.
        coarse_age=times.midnight - times.boundary,
        **policy,  # type: ignore[arg-type]
    )
    with Prometheus(source_url, attempts=3) as source, Database(url, newest=newest) as database:
        yield Backfill(source, Writer(database), load_groups(RULES), load_routing(RULES), limits)
