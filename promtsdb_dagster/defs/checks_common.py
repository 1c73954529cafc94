"""Turn what a check found into Dagster's result."""

from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random

import dagster as dg

from promtsdb_dagster.core.verdicts import Fact, Verdict
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained

_MOST_LINES = 20

# Looks with the project, at this moment, into windows that the last one chooses.
Look = Callable[[Project, datetime, Random], Verdict]


def audit_check(
    asset: dg.AssetKey, name: str, description: str, look: Look, *, blocking: bool = False
) -> dg.AssetChecksDefinition:
    """Return a check that changes nothing and says in its result what to do."""

    @dg.asset_check(asset=asset, name=name, description=description, blocking=blocking)
    def check(
        context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.AssetCheckResult:
        with failures_explained():
            now = project.now()
            # Said in the metadata, so that a finding can be looked at again.
            seed = int(now.timestamp())
            verdict = look(project, now, Random(seed))  # noqa: S311 - a sample, not a secret
        if not verdict.passed:
            context.log.warning(verdict.text)
        return dg.AssetCheckResult(
            passed=verdict.passed,
            severity=(
                dg.AssetCheckSeverity.ERROR if verdict.severe else dg.AssetCheckSeverity.WARN
            ),
            description=verdict.text,
            # As text, since the UI plots every number.
            metadata={"seed": str(seed), **_metadata(verdict.facts)},
        )

    return check


def _metadata(facts: Mapping[str, Fact]) -> dict[str, dg.MetadataValue]:
    found: dict[str, dg.MetadataValue] = {}
    for name, fact in facts.items():
        if isinstance(fact, str):
            found[name] = dg.MetadataValue.text(fact)
        elif isinstance(fact, int):
            found[name] = dg.MetadataValue.int(fact)
        elif isinstance(fact, float):
            found[name] = dg.MetadataValue.float(fact)
        elif isinstance(fact, Mapping):
            found[name] = dg.MetadataValue.json(dict(fact))
        else:
            rest = len(fact) - _MOST_LINES
            lines = [*fact[:_MOST_LINES], *([f"... and {rest} more"] if rest > 0 else [])]
            found[name] = dg.MetadataValue.json(lines)
    return found
