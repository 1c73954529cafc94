"""The services around the pipeline, as external assets with health checks."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from promtsdb_dagster.defs.describing import OWNERS, described, links, located
from promtsdb_dagster.defs.project import Project

GROUP = "services"
PROMETHEUS = dg.AssetKey("prometheus")
TELEGRAF = dg.AssetKey("telegraf")
CADDY = dg.AssetKey("caddy")


@dataclass(frozen=True)
class Service:
    """Hold what is told of one service; `after` is the one that it gets its data from."""

    name: str
    after: str | None
    path: str
    holds: str
    when_red: str
    files: tuple[str, ...]


_SERVICES = (
    Service(
        "prometheus",
        None,
        "source",
        "The source of all samples, at `DATASOURCE_URL`. Never written to.",
        "see that it runs and that user, password or token are right. Live minutes that pass "
        "meanwhile are fetched later by `backfill_live`, as long as Prometheus has them.",
        ("promtsdb_dagster/adapters/prometheus.py",),
    ),
    Service(
        "vmalert",
        "prometheus",
        "live",
        "Evaluates the rules of `rules/live.yaml` each minute and sends the results to Telegraf. "
        "Asked at `VMALERT_URL`.",
        "start it, or mend the rule that its page `/vmalert/groups` shows as failing. What was "
        "missed is fetched by `backfill_live`.",
        ("rules/live.yaml",),
    ),
    Service(
        "telegraf",
        "vmalert",
        "live",
        "Takes live samples by remote write and copies them into the staging tables. Asked at "
        "`TELEGRAF_METRICS_URL`.",
        "read its log: it keeps what the database does not take and tries again. When it dropped "
        "samples, `backfill_live` fetches them.",
        ("docker/telegraf/telegraf.conf",),
    ),
    Service(
        "postgrest",
        None,
        "serving",
        "Serves the functions of the schema `api` over HTTP. Asked at `POSTGREST_ADMIN_URL`.",
        "see that the database runs and that its role may log in. After a migration that it did "
        "not notice: `NOTIFY pgrst, 'reload schema'`.",
        ("docker/postgrest/postgrest.conf",),
    ),
    Service(
        "caddy",
        "postgrest",
        "serving",
        "The public door of the API, at `API_URL`: compression, limits, certificates.",
        "start it; when it answers 502, PostgREST does not.",
        ("docker/caddy/Caddyfile",),
    ),
)
SERVICES = tuple(service.name for service in _SERVICES)
HEALTH_JOB = dg.define_asset_job(
    "health",
    selection=dg.AssetSelection.checks_for_assets(*(dg.AssetKey(name) for name in SERVICES)),
    description="Ask every service whether it does its work. Changes nothing.",
)


def service_specs(addresses: Mapping[str, str | None]) -> list[dg.AssetSpec]:
    """Return the services in the order in which a sample passes them.

    `addresses` says where each is; what is missing there is not configured.
    """
    # PostgREST depends on no aggregate: a group that is both the first and the last of the graph
    # would make a circle of the groups, which the UI unrolls somewhere. The group api is the last.
    return [
        dg.AssetSpec(
            service.name,
            deps=[service.after] if service.after else [],
            group_name=GROUP,
            kinds={service.name},
            owners=OWNERS,
            tags={"path": service.path},
            description=described(service.holds, service.when_red),
            metadata={
                **links(
                    "promtsdb_dagster/defs/services.py",
                    "promtsdb_dagster/adapters/services.py",
                    *service.files,
                ),
                **located(addresses.get(service.name)),
            },
        )
        for service in _SERVICES
    ]


def health_checks() -> list[dg.AssetChecksDefinition]:
    """Return one check for each service."""
    return [_check(service) for service in SERVICES]


def _check(service: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(service),
        name="healthy",
        description=(
            f"{service} does what its users need; passes where none is configured. When it fails: "
            "start it, or mend what it says."
        ),
    )
    def healthy(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
        health = project.services().health(service)
        status = "not configured"
        if health.configured:
            status = "healthy" if health.healthy else "unhealthy"
        return dg.AssetCheckResult(
            passed=health.healthy,
            severity=(
                dg.AssetCheckSeverity.ERROR if health.configured else dg.AssetCheckSeverity.WARN
            ),
            description=health.text,
            metadata={"status": status, **health.facts},
        )

    return healthy
