"""Fetch what a plan asks for, many queries at once, no more rows than fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import Task
from promtsdb_dagster.core.ports import Part, Source
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.samples import Converted, Routing, convert
from promtsdb_dagster.core.shown import shown
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import RuleError, SourceTooLarge

# Under the 11,000 that Prometheus allows.
POINTS_PER_QUERY = 10_000


class Fetcher:
    """Ask a source for tasks; the source limits how many requests run at once."""

    def __init__(
        self, source: Source, routing: Routing, workers: ThreadPoolExecutor, max_rows: int
    ) -> None:
        self._source = source
        self._routing = routing
        self._workers = workers
        self._max_rows = max_rows

    def fetch(self, tasks: Sequence[Task]) -> tuple[Part, ...]:
        """Return the converted answer for each task, in their order.

        Raises SourceTooLarge when they hold more rows than `max_rows`, RuleError when two rules
        give the same series.
        """
        queries = queries_of(tasks)
        futures = [self._workers.submit(self._ask, task, piece) for task, piece in queries]
        parts = {task.order: (task, Converted()) for task in tasks}
        rows = 0
        try:
            for (task, _), future in zip(queries, futures, strict=True):
                piece = future.result()
                rows += piece.rows
                if rows > self._max_rows:
                    raise SourceTooLarge(
                        f"the rules of {task.rule.group!r} give more than {self._max_rows} rows by "
                        f"{task.window}, wanted fewer at once; a shorter window may fit"
                    )
                parts[task.order][1].add(piece)
        finally:
            for future in futures:
                future.cancel()
        whole = tuple(parts.values())
        _refuse_doubles(whole)
        return whole

    def _ask(self, task: Task, piece: Window) -> Converted:
        answer = self._source.query_range(task.rule.expr, piece, task.step)
        return convert(task.rule, answer, window=piece, step=task.step, routing=self._routing)


def queries_of(tasks: Iterable[Task]) -> list[tuple[Task, Window]]:
    """Return one window for each query that tasks need."""
    return [
        (task, piece)
        for task in tasks
        for piece in w.split(task.window, task.step * POINTS_PER_QUERY)
    ]


def keep_filled(parts: Sequence[Part], partitions: Sequence[Window]) -> tuple[Part, ...]:
    """Leave out the partitions in which no rule has a sample.

    What is left out gets no entry in the ledger: the source may only not have it yet. What lies
    before the first partition, the first minutes of its first hour, belongs to it.
    """
    if not parts:
        return ()
    earliest = min([partitions[0].start, *(task.window.start for task, _ in parts)])
    reaches = [Window(earliest, partitions[0].end), *partitions[1:]]
    filled = [reach for reach in reaches if any(part.reaches(reach) for _, part in parts)]
    if len(filled) == len(reaches):
        return tuple(parts)
    return tuple(
        (replace(task, window=window), part.within(window))
        for task, part in parts
        for window in w.intersect([task.window], filled)
    )


def _refuse_doubles(parts: Sequence[Part]) -> None:
    """Raise RuleError when two rules of one group give the same series."""
    owners: dict[tuple[str, str, str, int], Rule] = {}
    for task, converted in parts:
        for series in converted.series:
            identity = (task.rule.group, series.name, series.schema, series.tag_id)
            owner = owners.setdefault(identity, task.rule)
            if owner.key != task.rule.key:
                raise RuleError(
                    f"{task.rule.file}:{task.rule.line}: rule {task.rule.record!r} of group "
                    f"{task.rule.group!r} returns the label set "
                    f"{shown(dict(series.tags), 800)} that "
                    f"{owner.file}:{owner.line} returns too, wanted one rule for a series; "
                    "narrow one of the selectors"
                )
