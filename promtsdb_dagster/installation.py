"""Build the adapters of one installation from its settings, each when first asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from promtsdb_dagster.adapters.aggregates import Aggregates
from promtsdb_dagster.adapters.audit_buckets import BucketAudit
from promtsdb_dagster.adapters.audit_rows import RowAudit
from promtsdb_dagster.adapters.audit_schema import SchemaAudit
from promtsdb_dagster.adapters.coverage import CoverageStore
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.dry_run import DryReplacer, DryWriter
from promtsdb_dagster.adapters.housekeeping import Housekeeping
from promtsdb_dagster.adapters.inventory import Inventory
from promtsdb_dagster.adapters.live_rows import LiveRows
from promtsdb_dagster.adapters.migrations import Migration, Migrator, load_migrations
from promtsdb_dagster.adapters.policies import Policies
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.replacing import Replacer
from promtsdb_dagster.adapters.replay import ReplayCommand, ReplayContainer, ReplaySetup
from promtsdb_dagster.adapters.reservations import Reservations
from promtsdb_dagster.adapters.rulefiles import load_groups, load_routing, read_text
from promtsdb_dagster.adapters.services import Endpoints, Services
from promtsdb_dagster.adapters.staging import Staging
from promtsdb_dagster.adapters.unused_tags import UnusedTags
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.coverage_survey import CoverageSurvey
from promtsdb_dagster.core.dry_run import DryRun
from promtsdb_dagster.core.live_check import LiveCheck
from promtsdb_dagster.core.plan import LIVE, Policy
from promtsdb_dagster.core.ports import Store
from promtsdb_dagster.core.recalling import done_partitions
from promtsdb_dagster.core.replacing import Replacing
from promtsdb_dagster.core.replaying import ReplayedStore, Replayer
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.verdicts import names_of
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.groups import backfill_groups
from promtsdb_dagster.settings import ROOT, Settings


class Installation:
    """Build the adapters of one installation from its settings, each when first asked for."""

    def __init__(self, settings: Settings, migrations: Sequence[Migration]) -> None:
        self._settings = settings
        self._migrations = tuple(migrations)
        # Cached on the instance, so that two installations in one process share nothing.
        self._database = cache(self._open_database)
        self._any_database = cache(self._open_any_database)
        self._looked_at = cache(lambda: self._open_database(read_only=True))
        self._source = cache(self._open_source)
        self._groups = cache(self._load_groups)
        self._routing = cache(lambda: load_routing(settings.rules_dir))
        self._opened = ExitStack()

    def close(self) -> None:
        """Close all connections; safe to repeat. The next use opens new ones."""
        self._database.cache_clear()
        self._any_database.cache_clear()
        self._looked_at.cache_clear()
        self._source.cache_clear()
        self._opened.close()

    def now(self) -> datetime:
        """Return the present, UTC."""
        return datetime.now(timezone.utc)

    def policy(self) -> Policy:
        """Return the limits of a backfill."""
        settings = self._settings
        return Policy(
            history_start=settings.history_start,
            settle=timedelta(seconds=settings.datasource_settle_seconds),
            concurrency=settings.backfill_concurrency,
        )

    def done_partitions(self, group: str, partitions: Sequence[Window]) -> list[Window]:
        """Return the partitions that the ledger proves to be done; asks no source."""
        store, policy = Writer(self._database()), self.policy()
        groups, routing = self._groups(), self._routing()
        return done_partitions(group, partitions, store, groups, routing, policy, self.now())

    def rules(self) -> Mapping[str, RuleGroup]:
        """Return the rule groups by name."""
        return self._groups()

    def database(self) -> Database:
        """Return what lends connections; opens none."""
        return self._database()

    def source(self) -> Prometheus:
        """Return what asks the source; asks nothing."""
        return self._source()

    def backfill(self) -> Backfill:
        """Return the engine that moves history."""
        return self._backfill(Writer(self._database()), self.policy())

    def replay_setup(self) -> ReplaySetup:
        """Return how vmalert is asked to replay."""
        return replay_setup_of(self._settings)

    def replayed_backfill(self, replayer: Replayer, patience: timedelta) -> Backfill:
        """Return the engine whose rows a replay brings, at most `patience` after its end."""
        database = self._database()
        store = ReplayedStore(Writer(database), Reservations(database), replayer, patience)
        # One vmalert and one wait at a time: the live rows pass the same Telegraf.
        return self._backfill(store, replace(self.policy(), concurrency=1))

    def replacing(self) -> Replacing:
        """Return the engine that deletes what is stored of metrics and writes it anew."""
        store = Replacer(self._database())
        source, groups, routing = self._source(), self._groups(), self._routing()
        return Replacing(source, store, groups, routing, self.policy())

    def dry_run(self) -> DryRun:
        """Return what says what a backfill would do, and cannot write."""
        database = self._looked_at()
        ledger, source = DryWriter(database), self._source()
        groups, routing, policy = self._groups(), self._routing(), self.policy()
        return DryRun(
            Backfill(source, ledger, groups, routing, policy),
            Replacing(source, DryReplacer(database), groups, routing, policy),
            ledger,
            groups,
            routing,
            policy,
        )

    def live_rows(self) -> LiveRows:
        """Return what knows how far live rows were compared with the source."""
        return LiveRows(self._database())

    def live_check(self) -> LiveCheck:
        """Return what compares live rows with the source."""
        return LiveCheck(
            self._source(),
            self.live_rows(),
            self._groups()[LIVE],
            self._routing(),
            self.policy(),
            patience=timedelta(seconds=self._settings.live_patience_seconds),
        )

    def coverage(self) -> CoverageSurvey:
        """Return what says which hours of each metric are stored; works without the source too."""
        store, groups, routing = CoverageStore(self._database()), self._groups(), self._routing()
        return CoverageSurvey(store, self._source, groups, routing, self.policy())

    def coverage_file(self) -> Path:
        """Return where the newest picture of what is stored is kept."""
        return self._settings.promtsdb_state_dir / "coverage.png"

    def migrator(self) -> Migrator:
        """Return what applies the schema."""
        return Migrator(self._any_database(), self._migrations)

    def aggregates(self) -> Aggregates:
        """Return what refreshes the aggregates."""
        return Aggregates(self._database())

    def staging(self) -> Staging:
        """Return what drains the staging tables."""
        return Staging(self._database())

    def inventory(self) -> Inventory:
        """Return what looks at the tables without changing them."""
        return Inventory(self._database())

    def services(self) -> Services:
        """Return what asks the services whether they are well."""
        return Services(_endpoints(self._settings))

    def housekeeping(self) -> Housekeeping:
        """Return what does the work of policies, and drops old notes."""
        return Housekeeping(self._database())

    def unused_tags(self) -> UnusedTags:
        """Return what tidies the tag table."""
        return UnusedTags(self._database())

    def policies(self) -> Policies:
        """Return what looks whether the upkeep has kept up."""
        return Policies(self._database())

    def row_audit(self) -> RowAudit:
        """Return what compares rows, tags and the ledger with one another."""
        settings = self._settings
        patience = max(settings.live_patience_seconds, settings.datasource_settle_seconds)
        names = names_of(self._groups(), self._routing(), timedelta(seconds=patience))
        return RowAudit(self._database(), names)

    def bucket_audit(self) -> BucketAudit:
        """Return what compares aggregates with what they are made of."""
        return BucketAudit(self._database())

    def schema_audit(self) -> SchemaAudit:
        """Return what compares the database with the migration files."""
        return SchemaAudit(self._database(), self.migrator(), self._migrations)

    def _open_database(self, *, read_only: bool = False) -> Database:
        settings = self._settings
        database = Database(
            settings.require_database_url(),
            max_connections=settings.backfill_concurrency + 4,
            newest=len(self._migrations),
            read_only=read_only,
        )
        self._opened.callback(database.close)
        return database

    def _open_any_database(self) -> Database:
        """Return what says where the schema stands, also where it is newer than the code."""
        database = Database(self._settings.require_database_url())
        self._opened.callback(database.close)
        return database

    def _open_source(self) -> Prometheus:
        settings = self._settings
        source = Prometheus(
            settings.require_datasource_url(),
            username=settings.datasource_username,
            password=_revealed(settings.datasource_password),
            bearer_token=_revealed(settings.datasource_bearer_token),
            ca_file=settings.datasource_ca_file,
            tls_insecure=settings.datasource_tls_insecure,
            timeout_seconds=settings.datasource_timeout_seconds,
            concurrency=settings.datasource_concurrency,
            attempts=settings.datasource_attempts,
        )
        self._opened.callback(source.close)
        return source

    def _load_groups(self) -> Mapping[str, RuleGroup]:
        settings = self._settings
        required = [group.rules for group in backfill_groups(settings.history_start)]
        return load_groups(settings.rules_dir, required=required)

    def _backfill(self, store: Store, policy: Policy) -> Backfill:
        return Backfill(self._source(), store, self._groups(), self._routing(), policy)


def install(settings: Settings) -> Installation:
    """Return what builds the adapters that the settings ask for; reads the migration files."""
    return Installation(settings, load_migrations(settings.sql_dir))


def _endpoints(settings: Settings) -> Endpoints:
    user, password = settings.datasource_username, _revealed(settings.datasource_password)
    return Endpoints(
        prometheus=settings.datasource_url,
        vmalert=settings.vmalert_url,
        telegraf=settings.telegraf_metrics_url,
        postgrest=settings.postgrest_admin_url,
        caddy=settings.api_url,
        prometheus_auth=(user, password or "") if user else None,
        prometheus_token=_revealed(settings.datasource_bearer_token),
        prometheus_ca_file=settings.datasource_ca_file,
        prometheus_insecure=settings.datasource_tls_insecure,
    )


def replay_setup_of(settings: Settings) -> ReplaySetup:
    """Return how vmalert is asked to replay in this environment."""
    ca_file = settings.datasource_ca_file
    command = ReplayCommand(
        settings.require_datasource_url(),
        settings.telegraf_url,
        datasource_username=settings.datasource_username,
        datasource_password=_revealed(settings.datasource_password),
        datasource_token=_revealed(settings.datasource_bearer_token),
        datasource_ca=read_text(ca_file) if ca_file else None,
        datasource_insecure=settings.datasource_tls_insecure,
        telegraf_username=settings.telegraf_username,
        telegraf_password=_revealed(settings.telegraf_password),
    )
    networks = [name.strip() for name in settings.replay_networks.split(",")]
    container = (
        ReplayContainer(settings.replay_image, tuple(name for name in networks if name))
        if settings.replay_image
        else None
    )
    return ReplaySetup(command, container, settings.vmalert_program, ROOT / "tools" / "bin")


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
