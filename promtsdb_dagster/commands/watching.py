"""Follow the history of one request until its refreshes are over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import dagster as dg

from promtsdb_dagster.commands.runs import failure_text
from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.automation import AUTOMATION_TAG
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.history import TAG
from promtsdb_dagster.errors import StackError

_POLL_SECONDS = 1.0
# The longest step that shows nothing: the daemon looks for new backfills every 30 s.
_PATIENCE_SECONDS = 240.0
_ENDED = frozenset(
    {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
)


@dataclass
class History:
    """Hold the newest run of each asset that one request led to."""

    backfills: dict[str, dg.RunRecord] = field(default_factory=dict)
    refreshes: dict[str, dg.RunRecord] = field(default_factory=dict)

    def states(self, names: Iterable[str]) -> list[tuple[str, str, float]]:
        """Return name, state and seconds of each asset."""
        return [
            _state(name, self.backfills.get(name) or self.refreshes.get(name)) for name in names
        ]


class Watch:
    """Look at the instance until everything that a request led to has ended."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        request: str,
        groups: Sequence[Group],
        aggregates: Sequence[Aggregate],
        since: datetime,
    ) -> None:
        self._instance = instance
        self._request = request
        self._groups = groups
        self._aggregates = aggregates
        self._since = since

    @property
    def names(self) -> list[str]:
        """Return all assets, in the order in which they are done."""
        return [group.asset for group in self._groups] + [a.table for a in self._aggregates]

    def wait(self, say: Callable[[History], None], *, is_alive: Callable[[], bool]) -> History:
        """Return when all runs have succeeded.

        Raises StackError when one failed, when the daemon died or when nothing moves any more.
        """
        before: list[tuple[str, str]] = []
        moved_at = time.monotonic()
        while True:
            history = self._look()
            say(history)
            self._raise_failures(history)
            if self._is_over(history):
                return history
            if not is_alive():
                raise StackError("the Dagster daemon ended; the last lines of daemon.log say why")
            now = [(name, state) for name, state, _ in history.states(self.names)]
            running = any(state == "running" for _, state in now)
            if now != before or running:
                before, moved_at = now, time.monotonic()
            if time.monotonic() - moved_at > _PATIENCE_SECONDS:
                waiting = [name for name, state in now if state != "done"]
                raise StackError(
                    f"nothing has moved for {_PATIENCE_SECONDS:.0f} s, still waiting for "
                    f"{', '.join(waiting)}; look at daemon.log and try again"
                )
            time.sleep(_POLL_SECONDS)

    def _look(self) -> History:
        history = History()
        started = self._records({TAG: self._request})
        for group in self._groups:
            mine = [record for record in started if _runs(record, group.key)]
            if mine:
                history.backfills[group.asset] = mine[0]
        if len(history.backfills) < len(self._groups):
            return history
        refreshes = self._records({AUTOMATION_TAG: "true"})
        for aggregate in self._aggregates:
            mine = [record for record in refreshes if _runs(record, aggregate.key)]
            if mine:
                history.refreshes[aggregate.table] = mine[0]
        return history

    def _records(self, tags: Mapping[str, str]) -> Sequence[dg.RunRecord]:
        """Return the runs with these tags since the watch began, newest first."""
        return self._instance.get_run_records(
            dg.RunsFilter(tags=dict(tags), created_after=self._since)
        )

    def _raise_failures(self, history: History) -> None:
        for name, record in {**history.backfills, **history.refreshes}.items():
            run = record.dagster_run
            if run.status not in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
                continue
            if _will_be_retried(run):
                continue
            events = [
                entry.dagster_event
                for entry in self._instance.all_logs(
                    run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
                )
                if entry.dagster_event
            ]
            raise StackError(f"the run of {name} failed: {failure_text(events)}")

    def _is_over(self, history: History) -> bool:
        if len(history.backfills) < len(self._groups):
            return False
        if any(r.dagster_run.status not in _ENDED for r in history.backfills.values()):
            return False
        for aggregate in self._aggregates:
            feeding = [
                history.backfills[group.asset].end_time or 0.0
                for group in self._groups
                if aggregate.source in group.feeds
            ]
            refresh = history.refreshes.get(aggregate.table)
            if refresh is None or refresh.dagster_run.status not in _ENDED:
                return False
            if (refresh.start_time or 0.0) < max(feeding, default=0.0):
                return False
        return True


def _runs(record: dg.RunRecord, key: dg.AssetKey) -> bool:
    return key in (record.dagster_run.asset_selection or ())


def _will_be_retried(run: dg.DagsterRun) -> bool:
    return run.tags.get("dagster/will_retry", "false").lower() == "true"


def _state(name: str, record: dg.RunRecord | None) -> tuple[str, str, float]:
    if record is None:
        return name, "waiting", 0.0
    status = record.dagster_run.status
    if status == dg.DagsterRunStatus.SUCCESS:
        return name, "done", (record.end_time or 0.0) - (record.start_time or 0.0)
    if status in _ENDED:
        return name, "failed", 0.0
    if record.start_time is None:
        return name, "queued", 0.0
    return name, "running", time.time() - record.start_time
