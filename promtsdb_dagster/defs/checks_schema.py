"""The check of the schema."""

import dagster as dg

from promtsdb_dagster.defs.checks_common import audit_check


def schema_check(newest: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Return the check that the database is what the migrations made; `newest` is the last."""
    return audit_check(
        newest,
        "schema_true",
        "All migrations of this code are applied and none that it does not know, each as its file "
        "says; every function is as its migration made it; no trigger is switched off, no index or "
        "constraint not valid. Blocks what a run does after the migrations: code that writes to "
        "another schema than it knows stores wrong rows. When it fails: make migrate, or put back "
        "what was changed by hand.",
        lambda project, _now, _rng: project.schema_audit().judge(),
        blocking=True,
    )
