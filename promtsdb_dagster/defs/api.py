"""The functions of the schema `api` as assets: what a client gets, by what it is made of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from promtsdb_dagster.adapters.migrations import Migration
from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.describing import OWNERS, described, links, located
from promtsdb_dagster.defs.services import CADDY
from promtsdb_dagster.defs.storage import CUMSUM_KEY, INTERNAL_KEY

GROUP = "api"
_SERIES = "p_schema, p_interval, p_from, p_to"
_NAMED = f"p_metric_name, {_SERIES}"


@dataclass(frozen=True)
class Function:
    """Hold what is told of one function; its comment in the database says all."""

    name: str
    arguments: str
    answer: str


@dataclass(frozen=True)
class Family:
    """Hold the functions that read the same relations."""

    name: str
    reads: frozenset[str]
    holds: str
    functions: tuple[Function, ...]


FAMILIES = (
    Family(
        "metrics",
        frozenset(f"internal.prometheus_{tier}_1m" for tier in ("mainnet", "testnet", "common")),
        "Gauges over time and their newest values, of one tier.",
        (
            Function("get_agg_metric", _NAMED, "one metric, the largest of each interval"),
            Function("get_all_latest_mainnet_metrics", "", "mainnet: each metric's newest value"),
            Function("get_all_latest_testnet_metrics", "", "testnet: each metric's newest value"),
            Function("get_all_latest_common_metrics", "", "common: each metric's newest value"),
        ),
    ),
    Family(
        "running_totals",
        frozenset({"cumsum.all_metrics_minute"}),
        "Totals since the beginning of history.",
        (
            Function("get_agg_cumsum_metric", _NAMED, "one total at the end of each interval"),
            Function("get_all_latest_cumsum_metrics", "", "each total as it is now"),
        ),
    ),
    Family(
        "token_metrics",
        frozenset({"internal.cagg_calculated_metric"}),
        "Supply and value of the token, of one tier.",
        (
            Function("get_agg_circulating_supply", _SERIES, "total less excluded and locked"),
            Function("get_agg_burned_supply", _SERIES, "burned tokens"),
            Function("get_agg_fdv", _SERIES, "total supply x price"),
            Function("get_agg_market_cap", _SERIES, "circulating supply x price"),
            Function("get_latest_circulating_supply", "p_schema", "the newest of the last day"),
            Function("get_latest_burned_supply", "p_schema", "the newest of the last day"),
            Function("get_latest_fdv", "p_schema", "the newest of the last day"),
            Function("get_latest_market_cap", "p_schema", "the newest of the last day"),
            Function("get_all_latest_token_metrics", "p_schema", "supply, value and market cap"),
            Function("get_latest_mainnet_circulating_supply_value", "", "one number"),
            Function("get_latest_mainnet_total_supply_value", "", "one number"),
        ),
    ),
    Family(
        "positions",
        frozenset({"geo.latest_coords"}),
        "Where the machines are.",
        (Function("get_latest_geo_coordinates", "", "the newest known position of each instance"),),
    ),
    Family(
        "coverage",
        frozenset({"internal.prometheus_remote_write", "cumsum.prometheus_remote_write"}),
        "What is stored and what is missing, of each metric.",
        (Function("get_coverage", _SERIES, "hours stored, absent and missing, by interval"),),
    ),
    Family(
        "excluded_addresses",
        frozenset(),
        "The addresses whose tokens do not circulate; the role `writer` changes the list.",
        (
            Function("get_excluded_addresses", "", "the list, oldest first"),
            Function("add_excluded_address", "p_value", "nothing; adds one"),
            Function("rm_excluded_address", "p_value", "nothing; removes one"),
        ),
    ),
)
_WHEN_RED = (
    "see whether `caddy` and `postgrest` are healthy, then whether what this reads is complete "
    "(`agrees_with_rows`, `no_gaps`). A wrong argument is no failure: the answer is 400, with a "
    "hint."
)


def api_specs(
    migrations: Sequence[Migration],
    schema: dg.AssetKey,
    aggregates: Sequence[Aggregate],
    url: str | None,
) -> list[dg.AssetSpec]:
    """Return one asset for each family of functions; `schema` is the last migration."""
    relations = {aggregate.table: aggregate.key for aggregate in aggregates}
    relations |= {".".join(key.path): key for key in (INTERNAL_KEY, CUMSUM_KEY)}
    return [
        dg.AssetSpec(
            dg.AssetKey([GROUP, family.name]),
            deps=[CADDY, *([relations[name] for name in sorted(family.reads)] or [schema])],
            group_name=GROUP,
            kinds={"sql", "postgres", "rest"},
            owners=OWNERS,
            tags={"path": "serving"},
            description=described(_text(family), _WHEN_RED),
            metadata={
                **links("promtsdb_dagster/defs/api.py", *_files(family, migrations)),
                **located(url),
            },
        )
        for family in FAMILIES
    ]


def _text(family: Family) -> str:
    rows = [f"| `{each.name}({each.arguments})` | {each.answer} |" for each in family.functions]
    table = ["| `/rpc/` | answer |", "| --- | --- |", *rows]
    return "\n".join([family.holds, "", *table])


def _files(family: Family, migrations: Sequence[Migration]) -> list[str]:
    """Return the files that made the functions what they are, without repeating."""
    files = [
        path
        for function in family.functions
        if (path := _made_by(function.name, migrations)) is not None
    ]
    return [*dict.fromkeys(files)]


def _made_by(function: str, migrations: Sequence[Migration]) -> str | None:
    made = re.compile(rf"^CREATE (OR REPLACE )?FUNCTION api\.{function}\(", re.MULTILINE)
    for migration in reversed(migrations):
        if made.search(migration.up_text("timescaledb")):
            return migration.path("timescaledb", "up")
    return None
