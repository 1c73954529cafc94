"""Say what the definitions need from the outside world."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from promtsdb_dagster.adapters.aggregates import Aggregates
from promtsdb_dagster.adapters.audit_buckets import BucketAudit
from promtsdb_dagster.adapters.audit_rows import RowAudit
from promtsdb_dagster.adapters.audit_schema import SchemaAudit
from promtsdb_dagster.adapters.housekeeping import Housekeeping
from promtsdb_dagster.adapters.inventory import Inventory
from promtsdb_dagster.adapters.live_rows import LiveRows
from promtsdb_dagster.adapters.migrations import Migrator
from promtsdb_dagster.adapters.policies import Policies
from promtsdb_dagster.adapters.replay import ReplaySetup
from promtsdb_dagster.adapters.services import Services
from promtsdb_dagster.adapters.staging import Staging
from promtsdb_dagster.adapters.unused_tags import UnusedTags
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.coverage_survey import CoverageSurvey
from promtsdb_dagster.core.dry_run import DryRun
from promtsdb_dagster.core.live_check import LiveCheck
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.replacing import Replacing
from promtsdb_dagster.core.replaying import Replayer


class Project(Protocol):
    """Build adapters on demand; every method may raise ConfigurationError.

    Nothing is opened before a run, a check or a sensor asks for it.
    """

    def now(self) -> datetime:
        """Return the present, UTC."""
        ...

    def policy(self) -> Policy:
        """Return the limits of a backfill."""
        ...

    def backfill(self) -> Backfill:
        """Return the engine that moves history."""
        ...

    def replay_setup(self) -> ReplaySetup:
        """Return how vmalert is asked to replay."""
        ...

    def replayed_backfill(self, replayer: Replayer, patience: timedelta) -> Backfill:
        """Return the engine whose rows a replay brings, at most `patience` after its end."""
        ...

    def replacing(self) -> Replacing:
        """Return the engine that deletes what is stored of metrics and writes it anew."""
        ...

    def dry_run(self) -> DryRun:
        """Return what says what a backfill would do, and cannot write."""
        ...

    def live_rows(self) -> LiveRows:
        """Return what knows how far live rows were compared with the source."""
        ...

    def live_check(self) -> LiveCheck:
        """Return what compares live rows with the source."""
        ...

    def coverage(self) -> CoverageSurvey:
        """Return what says which hours of each metric are stored; works without the source too."""
        ...

    def coverage_file(self) -> Path:
        """Return where the newest picture of what is stored is kept."""
        ...

    def migrator(self) -> Migrator:
        """Return what applies the schema."""
        ...

    def aggregates(self) -> Aggregates:
        """Return what refreshes the aggregates."""
        ...

    def staging(self) -> Staging:
        """Return what drains the staging tables."""
        ...

    def inventory(self) -> Inventory:
        """Return what looks at the tables without changing them."""
        ...

    def services(self) -> Services:
        """Return what asks the services whether they are well."""
        ...

    def housekeeping(self) -> Housekeeping:
        """Return what does the work of policies, and drops old notes."""
        ...

    def unused_tags(self) -> UnusedTags:
        """Return what tidies the tag table."""
        ...

    def policies(self) -> Policies:
        """Return what looks whether the upkeep has kept up."""
        ...

    def row_audit(self) -> RowAudit:
        """Return what compares rows, tags and the ledger with one another."""
        ...

    def bucket_audit(self) -> BucketAudit:
        """Return what compares aggregates with what they are made of."""
        ...

    def schema_audit(self) -> SchemaAudit:
        """Return what compares the database with the migration files."""
        ...
