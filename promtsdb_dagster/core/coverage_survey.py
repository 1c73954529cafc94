"""Put together what the database and the source know of every metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.coverage import (
    NOWHERE,
    Coverage,
    Facts,
    Row,
    State,
    columns,
    lacking,
    owed,
    row_of,
    whole_hours,
)
from promtsdb_dagster.core.coverage_source import NOT_ASKED, SourceAnswers, ask_source, names_in
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.ports import Source
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import ConfigurationError, InputError

_ORDER = ("mainnet", "testnet", "common", "cumsum", "geo", NOWHERE)


@dataclass(frozen=True)
class Stored:
    """Hold what the database knows, all as of one moment."""

    facts: Sequence[Facts]
    # Where the source was asked for a name, whatever came of it.
    asked: Mapping[str, Sequence[Window]]
    # How many changes no aggregate shows yet.
    unsettled: int = 0


class CoverageStore(Protocol):
    """Tell what is stored; adapters.coverage is the real one."""

    def stored(self, span: Window) -> Stored:
        """Return what is known of each metric in whole hours."""


class CoverageSurvey:
    """Say what is stored of each metric, what is missing, and what the source has not."""

    def __init__(
        self,
        store: CoverageStore,
        source: Callable[[], Source],
        groups: Mapping[str, RuleGroup],
        routing: Routing,
        policy: Policy,
    ) -> None:
        """Take `source` as what opens it: where it is away, the rest is told all the same."""
        self._store = store
        self._source = source
        self._groups = groups
        self._routing = routing
        self._policy = policy
        self._made = names_in(groups)

    def run(
        self, wanted: Window, now: datetime, *, most_columns: int, trim: bool = False
    ) -> Coverage:
        """Look at the hours that begin in a window and are over; changes nothing.

        With `trim` it begins where anything is stored or may be fetched. Raises InputError where
        no hour is over, and what the store raises.
        """
        span = whole_hours(Window(wanted.start, max(wanted.end, wanted.start)), now)
        if span is None:
            raise InputError(
                f"no hour of {wanted} is over, wanted at least one; choose an earlier beginning"
            )
        stored = self._store.stored(span)
        facts = [*stored.facts, *self._never_seen(stored)]
        answers = self._ask(facts, span, now)
        known = {(each.schema, each.name) for each in facts}
        found = {name for schema, name in answers.found if schema}
        facts = [each for each in facts if each.schema != NOWHERE or each.name not in found]
        facts += [
            Facts(schema, name, asked=stored.asked.get(name, ()))
            for schema, name in answers.found
            if (schema, name) not in known
        ]
        remarks = [*answers.remarks, *_unsettled(stored), *self._retired(facts)]
        pieces, rows = self._rows(facts, answers, span, now, most_columns)
        first = next((n for n in range(len(pieces)) if _is_of_interest(rows, n)), 0)
        if trim and first:
            remarks.append(
                f"from {span.start:%Y-%m-%d} to {pieces[first].start:%Y-%m-%d} nothing is stored, "
                "and the source has nothing"
            )
            span = Window(pieces[first].start, span.end)
            pieces, rows = self._rows(facts, answers, span, now, most_columns)
        return Coverage(span, pieces, rows, tuple(remarks))

    def _rows(
        self,
        facts: Sequence[Facts],
        answers: SourceAnswers,
        span: Window,
        now: datetime,
        most_columns: int,
    ) -> tuple[tuple[Window, ...], tuple[Row, ...]]:
        pieces = columns(span, most_columns)
        rows = [
            row_of(each, pieces, self._owed(each, span, now), answers.of(each.schema, each.name))
            for each in facts
        ]
        rows.sort(key=lambda row: (_ORDER.index(row.schema), row.name))
        return pieces, tuple(rows)

    def _never_seen(self, stored: Stored) -> list[Facts]:
        seen = {each.name for each in stored.facts}
        return [
            Facts(NOWHERE, name, asked=stored.asked.get(name, ()))
            for name in sorted(self._made - seen)
        ]

    def _retired(self, facts: Sequence[Facts]) -> list[str]:
        names = sorted({each.name for each in facts} - self._made)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        listed = ", ".join(names[:3]) + more
        return [f"no rule makes {listed}: what is stored stays, no more is wanted"] if names else []

    def _ask(self, facts: Sequence[Facts], span: Window, now: datetime) -> SourceAnswers:
        lacks: defaultdict[str, list[Window]] = defaultdict(list)
        for each in facts:
            lacks[each.name] += lacking(each, self._owed(each, span, now))
        if not any(lacks.values()):
            return NOT_ASKED
        try:
            source = self._source()
        except ConfigurationError as error:
            return SourceAnswers({}, {}, (f"the source was not asked what it has: {error}",))
        return ask_source(source, self._groups, self._routing, lacks)

    def _owed(self, facts: Facts, span: Window, now: datetime) -> list[Window]:
        if facts.name not in self._made:
            return []
        # Where no sample has ever said it, the name must do.
        schema = facts.schema or self._routing.schema_of(facts.name, {})
        since = w.between(max(span.start, self._policy.history_start), span.end)
        retention = self._policy.retention
        return owed(schema, since, now=now, retention=retention) if since else []


def _is_of_interest(rows: Sequence[Row], column: int) -> bool:
    return any(
        state not in (State.ABSENT, State.EXPIRED) for row in rows for state, _ in row.cells[column]
    )


def _unsettled(stored: Stored) -> list[str]:
    if not stored.unsettled:
        return []
    remark = (
        f"{stored.unsettled} changes are not in the aggregates yet, so that hours may look not "
        "stored that are; the next refresh shows them"
    )
    return [remark]
