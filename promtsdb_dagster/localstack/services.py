"""The services of the stack in the order of their start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from promtsdb_dagster.localstack.caddy import Caddy
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.postgres import Cluster
from promtsdb_dagster.localstack.postgrest import Postgrest
from promtsdb_dagster.localstack.prometheus import Prometheus
from promtsdb_dagster.localstack.roles import ServiceRoles
from promtsdb_dagster.localstack.sample_exporter import SampleExporter
from promtsdb_dagster.localstack.secret_file import SecretFile
from promtsdb_dagster.localstack.service import Service
from promtsdb_dagster.localstack.telegraf import Telegraf
from promtsdb_dagster.localstack.vmalert import Receiver, VMAlert


@dataclass(frozen=True)
class Options:
    """How the stack differs from the usual one; tests use it."""

    pg_bindir: Path | None = None
    rules_dir: Path | None = None
    timescaledb: bool | None = None
    # Where vmalert sends its results while the stack has no Telegraf of its own.
    telegraf: Receiver = field(default_factory=Receiver)
    settle_seconds: int = 60
    history_days: float = 64
    history_seed: int = 7
    # Services that do not start although they could.
    without: tuple[str, ...] = ()


class Services:
    """Lay out the services of one state folder."""

    def __init__(self, folder: Path, root: Path, options: Options) -> None:
        """Keep the paths; nothing is touched."""
        self._options = options
        docker = root / "docker"
        rules = options.rules_dir or root / "rules"

        def log(name: str) -> Path:
            return folder / "logs" / f"{name}.log"

        self.secrets = SecretFile(folder / "secrets.json")
        self.postgres = Cluster(
            folder / "postgres", log("postgres"), options.pg_bindir, options.timescaledb
        )
        roles = ServiceRoles(self.postgres, docker / "timescaledb" / "roles.sql", self.secrets)
        self._prometheus = Prometheus(
            folder / "prometheus", log("prometheus"), docker / "prometheus" / "prometheus.yml"
        )
        telegraf = Telegraf(
            folder / "telegraf",
            log("telegraf"),
            docker / "telegraf" / "telegraf.conf",
            rules,
            roles,
        )
        vmalert = VMAlert(
            folder / "vmalert",
            log("vmalert"),
            rules / "live.yaml",
            options.settle_seconds,
            self.secrets,
            options.telegraf,
        )
        postgrest = Postgrest(
            folder / "postgrest", log("postgrest"), docker / "postgrest" / "postgrest.conf", roles
        )
        caddy = Caddy(folder / "caddy", log("caddy"), docker / "caddy" / "Caddyfile", postgrest)
        exporter = SampleExporter(log("exporter"), self._prometheus)
        in_order: tuple[Service, ...] = (
            self.postgres,
            exporter,
            self._prometheus,
            telegraf,
            vmalert,
            postgrest,
            caddy,
        )
        self.all = {service.name: service for service in in_order}

    def prepare(self, plan: HistoryPlan, report: Callable[[str], None]) -> None:
        """Make what services find when they start for the first time."""
        self.secrets.read()
        self.postgres.prepare()
        self._prometheus.prepare(plan, report)

    def wanted(self) -> list[Service]:
        """Return the services that can run here, in the order of their start."""
        return [
            service
            for name, service in self.all.items()
            if name not in self._options.without and service.missing() is None
        ]

    def skipped(self) -> list[str]:
        """Say in plain sentences what is absent and why."""
        absent = []
        if not self.postgres.has_timescaledb():
            absent.append(
                "TimescaleDB is not there, or not asked for: plain PostgreSQL answers the same"
            )
        for name, service in self.all.items():
            if name in self._options.without:
                absent.append(f"{name} was asked to be left out")
            elif missing := service.missing():
                absent.append(missing)
        running = [service.name for service in self.wanted()]
        if "vmalert" in running and "telegraf" not in running:
            where = self._options.telegraf
            if not where.listens():
                absent.append(
                    f"nobody listens on {where.url}: vmalert runs, but its results go nowhere"
                )
        # PostgREST and Caddy may both lack the same.
        return list(dict.fromkeys(absent))
