"""The services around the pipeline, as external assets with health checks."""

from collections.abc import Sequence

import dagster as dg

from promtsdb_dagster.defs.project import Project

GROUP = "services"
PROMETHEUS = dg.AssetKey("prometheus")
TELEGRAF = dg.AssetKey("telegraf")
SERVICES = ("prometheus", "vmalert", "telegraf", "postgrest", "caddy")
HEALTH_JOB = dg.define_asset_job(
    "health",
    selection=dg.AssetSelection.checks_for_assets(*(dg.AssetKey(name) for name in SERVICES)),
    description="Ask every service whether it does its work. Changes nothing.",
)


def service_specs(aggregates: Sequence[dg.AssetKey]) -> list[dg.AssetSpec]:
    """Return the services in the order in which a sample passes them."""

    def spec(name: str, deps: Sequence[dg.AssetKey | str], text: str) -> dg.AssetSpec:
        return dg.AssetSpec(name, deps=deps, group_name=GROUP, kinds={name}, description=text)

    return [
        spec("prometheus", [], "The source, DATASOURCE_URL; never written to."),
        spec("vmalert", ["prometheus"], "Evaluates the live rules each minute, VMALERT_URL."),
        spec("telegraf", ["vmalert"], "Writes live samples to staging, TELEGRAF_METRICS_URL."),
        spec("postgrest", aggregates, "Serves the schema `api`, POSTGREST_ADMIN_URL."),
        spec("caddy", ["postgrest"], "The public door of the API, API_URL."),
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
