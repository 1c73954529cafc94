"""Ask the source what it has of the hours that are missing: few queries a rule, few instants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.coverage import HOUR, Answer
from promtsdb_dagster.core.plan import LIVE
from promtsdb_dagster.core.planner import numbered
from promtsdb_dagster.core.ports import Source
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing, convert
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import RuleError, SourceError

# Six weeks by the hour; of a longer span, that many instants are as good as a look.
INSTANTS_A_QUERY = 1_000
QUERIES_A_RULE = 4
_ASKERS = 4


@dataclass(frozen=True)
class SourceAnswers:
    """Hold what the source said, by schema and name, and what it was asked of each name."""

    found: Mapping[tuple[str, str], Sequence[Window]]
    asked: Mapping[str, Sequence[Window]]
    remarks: tuple[str, ...] = ()

    def of(self, schema: str, name: str) -> Answer:
        """Return what was said of one metric."""
        return Answer(self.asked.get(name, ()), self.found.get((schema, name), ()))


NOT_ASKED = SourceAnswers({}, {})


def names_in(groups: Mapping[str, RuleGroup]) -> set[str]:
    """Return the names that the rules give."""
    return {rule.record.lower() for group in groups.values() for rule in group.rules}


def ask_source(
    source: Source,
    groups: Mapping[str, RuleGroup],
    routing: Routing,
    lacking: Mapping[str, Sequence[Window]],
) -> SourceAnswers:
    """Return what the source has of the hours that each name lacks.

    An hour counts as the source's when its rule gives a sample at its beginning. Of more than
    `INSTANTS_A_QUERY` hours side by side one in some is asked, and speaks for those up to the
    next. What cannot be asked is said in a remark, and nothing is raised for it.
    """
    wanted = {name: w.merge(windows) for name, windows in lacking.items() if windows}
    rules = [rule for rule in _coarsest(groups) if rule.record.lower() in wanted]
    if not rules:
        return NOT_ASKED
    try:
        source.clock()
    except SourceError as error:
        return SourceAnswers({}, {}, (f"the source was not asked what it has: {error}",))
    found: dict[tuple[str, str], list[Window]] = defaultdict(list)
    failed: dict[str, str] = {}
    with ThreadPoolExecutor(_ASKERS, "ask") as askers:
        answers = askers.map(
            lambda rule: _ask(source, rule, routing, wanted[rule.record.lower()]), rules
        )
        for rule, answer in zip(rules, answers, strict=True):
            if isinstance(answer, str):
                failed.setdefault(rule.record.lower(), answer)
                continue
            for key, windows in answer.items():
                found[key] += windows
    return SourceAnswers(
        {key: w.intersect(windows, wanted[key[1]]) for key, windows in found.items()},
        {name: wanted[name] for name in {rule.record.lower() for rule in rules} - failed.keys()},
        _remarks(failed),
    )


def _coarsest(groups: Mapping[str, RuleGroup]) -> list[Rule]:
    """Return each rule once, as the group with the longest step has it."""
    by_record: dict[str, tuple[timedelta, Rule]] = {}
    for group in groups.values():
        # The live rules read an instant and not what led to it.
        step = timedelta(0) if group.name == LIVE else group.step
        for record, rule in numbered(group.rules).items():
            if record not in by_record or by_record[record][0] < step:
                by_record[record] = (step, rule)
    return [rule for _, rule in by_record.values()]


def _ask(
    source: Source, rule: Rule, routing: Routing, wanted: Sequence[Window]
) -> dict[tuple[str, str], list[Window]] | str:
    found: dict[tuple[str, str], list[Window]] = defaultdict(list)
    for piece in _pieces(wanted):
        step = HOUR * max(1, -(-(piece.duration // HOUR) // INSTANTS_A_QUERY))
        # The first instant is not after the beginning of the piece.
        window = Window(w.floor(piece.start, step), piece.end)
        try:
            answer = source.query_range(rule.expr, window, step)
            converted = convert(rule, answer, window=window, step=step, routing=routing)
        except (SourceError, RuleError) as error:
            return str(error)
        for series in converted.series:
            instants = (EPOCH + timedelta(seconds=second) for second in series.times)
            found[series.schema, series.name] += [Window(at, at + step) for at in instants]
    return {key: w.merge(windows) for key, windows in found.items()}


def _pieces(wanted: Sequence[Window]) -> list[Window]:
    """Return few windows that hold the wanted ones, apart where these are farthest apart."""
    apart = sorted(range(1, len(wanted)), key=lambda n: wanted[n].start - wanted[n - 1].end)
    cuts = [0, *sorted(apart[-(QUERIES_A_RULE - 1) :]), len(wanted)]
    return [Window(wanted[a].start, wanted[b - 1].end) for a, b in pairwise(cuts)]


def _remarks(failed: Mapping[str, str]) -> tuple[str, ...]:
    if not failed:
        return ()
    name, why = next(iter(sorted(failed.items())))
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return (f"the source did not say what it has of {name}{more}: {why}",)
