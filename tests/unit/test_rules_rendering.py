"""The shipped definitions say what is expected, and render to the files beside them."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from promtsdb_dagster.adapters.rulefiles import load_groups, load_routing
from promtsdb_dagster.rulesets import drift

RULES = Path(__file__).parents[2] / "rules"
STEPS = {"live": "1m", "backfill_1w": "15m", "backfill_1y": "1h", "backfill_forever": "1h"}

# Written down a second time on purpose: what must exist, whatever metrics.yaml says.
ONE_PER_TIER = [
    "manifest_tokenomics_denom_metadata",
    "manifest_tokenomics_token_count",
    "manifest_tokenomics_total_supply",
    "manifest_tokenomics_excluded_supply",
    "locked_fees",
    "locked_tokens",
    "total_tx_count",
    "total_unique_user",
    "total_unique_group",
    "total_mfx_burned",
    "total_mfx_minted",
    "total_pwr_minted",
    "total_pwr_burned",
    "blockchain_height",
]
ONE = [
    "manifest_geo_metadata",
    "manifest_geo_latitude",
    "manifest_geo_longitude",
    "talib_mfx_power_conversion",
    "node_count",
    "kube_nodes",
    "kube_cpu",
    "kube_memory",
    "kube_pods",
    "system_cpu_cores",
    "system_memory",
    "system_memory_used",
    "disk_space_used",
    "disk_space_total",
    "total_process",
    "web_requests_per_sec",
    "web_servers",
    "web_sites",
    "gpu_nvidia_cuda_total",
    "gpu_amd_memory",
    "gpu_nvidia_memory",
    "gpu_amd_total",
    "gpu_nvidia_total",
    "gpu_memory",
    "gpu_total",
    "minio_used",
    "minio_total",
    "minio_buckets",
]
CUMULATIVE = [
    "web_requests",
    "decentralized_web_requests",
    "system_tcp_sent",
    "system_tcp_received",
    "system_network_sent",
    "system_network_received",
]
GAUGES = Counter(dict.fromkeys(ONE_PER_TIER, 2)) + Counter(ONE)

# record -> (as it is now, over the step written as STEP)
CUSTOM = "netdata_prometheus_custom_exporter_local_manifest"
SUPPLY = CUSTOM + (
    '_tokenomics_total_supply_supply_average{manifest_app="validator",manifest_tier="testnet"}'
)
HEIGHT = 'cometbft_consensus_height{chain_id="manifest-ledger-mainnet"}'
RAM = (
    'netdata_system_ram_MiB_average{manifest_network="true",job!="netdata-dweb-hosting",'
    'guest_containers!="true",metric_source="netdata",instance!~"q-cell-.*"'
)
DISK = (
    'netdata_disk_space_GiB_average{{dimension="{}",job!="netdata-dweb-hosting",'
    'guest_containers!="true"{}}}'
)
CELLS = ',instance!~"q-cell-.*"'
USED, AVAIL = DISK.format("used", CELLS), DISK.format("avail", CELLS)
SITES = (
    f'max({CUSTOM}_ghostcloud_total_sites_sites_average{{service="netdata-kvstore-qa-01"}}) or '
    'max(netdata_sites_number_average{chart="manifest_Manifest_Network.sites",'
    'many_chain="manifest-web-alpha"})'
)
CARDS = (
    'count(netdata_amdgpu_gpu_utilization_percentage_average{manifest_network="true"}) + '
    'count(netdata_nvidia_smi_gpu_utilization_percent_average{manifest_network="true",'
    'dimension="gpu",family="gpu utilization"})'
)
KUBE = (
    'count(up{manifest_network="true",metric_source="netdata",'
    'service=~"netdata-kubernetes-prod-ops|netdata-kubernetes-prod-02"})'
)
BYTES = 'minio_bucket_usage_total_bytes{job="minio-stats"}'
OBJECTS = 'minio_bucket_usage_object_total{job="minio-stats"}'
GOLDEN = {
    "manifest_geo_latitude": (
        f"{CUSTOM}_geo_latitude_latitude_average",
        f"last_over_time({CUSTOM}_geo_latitude_latitude_average[STEP])",
    ),
    "manifest_tokenomics_total_supply": (SUPPLY, f"avg_over_time({SUPPLY}[STEP])"),
    "talib_mfx_power_conversion": (
        "talib_mfx_power_conversion",
        "last_over_time(talib_mfx_power_conversion[STEP])",
    ),
    "locked_tokens": (
        'yaci_locked_tokens_count{manifest_chain="manifest-ledger-testnet"}',
        'last_over_time(yaci_locked_tokens_count{manifest_chain="manifest-ledger-testnet"}[STEP])',
    ),
    "blockchain_height": (
        f"max by (chain_id, manifest_tier) ({HEIGHT})",
        f"max by (chain_id, manifest_tier) (last_over_time({HEIGHT}[STEP]))",
    ),
    "kube_nodes": (KUBE, KUBE),
    "system_memory": (f"sum({RAM}}})", f"sum({RAM}}})"),
    "system_memory_used": (
        f'sum({RAM},dimension=~"used|cached|buffers"}})',
        f'sum(avg_over_time({RAM},dimension=~"used|cached|buffers"}}[STEP]))',
    ),
    "disk_space_used": (
        f"sum({DISK.format('used', '')})",
        f"sum(avg_over_time({DISK.format('used', '')}[STEP]))",
    ),
    "disk_space_total": (
        f"sum({USED}) + sum({AVAIL})",
        f"sum(avg_over_time({USED}[STEP])) + sum(avg_over_time({AVAIL}[STEP]))",
    ),
    "web_sites": (SITES, SITES),
    "gpu_total": (CARDS, CARDS),
    "minio_used": (
        f"max(sum by (instance, server) ({BYTES}))",
        f"max(sum by (instance, server) (avg_over_time({BYTES}[STEP])))",
    ),
    "minio_total": (
        f"topk(1, sum by (instance) ({OBJECTS}))",
        f"topk(1, sum by (instance) (avg_over_time({OBJECTS}[STEP])))",
    ),
    "minio_buckets": (f"count(count by (bucket) ({BYTES}))",) * 2,
}
PACKETS = 'netdata_ipv4_tcppackets_packets_persec_average{manifest_network="true",dimension='
INCREMENTS = {
    "system_tcp_received": f'sum(avg_over_time({PACKETS}"received"}}[STEP])) * SECONDS',
    "system_tcp_sent": f'sum(avg_over_time({PACKETS}"sent"}}[STEP])) * SECONDS * -1',
    "decentralized_web_requests": (
        "sum(avg_over_time(netdata_prometheus_nginx_exporter_local_nginx_http_requests_total"
        '_requests_persec_average{job="netdata-cdn-prod-web"}[STEP])) * SECONDS'
    ),
}


def expressions(group: str, record: str) -> list[str]:
    return [rule.expr for rule in load_groups(RULES)[group].rules if rule.record == record]


def test_the_files_have_not_drifted_from_the_definitions() -> None:
    assert drift(RULES) == ""


def test_every_metric_is_in_its_groups_as_often_as_it_has_tiers() -> None:
    groups = load_groups(RULES)
    assert {name: group.step for name, group in groups.items()} == {
        "live": timedelta(minutes=1),
        "backfill_1w": timedelta(minutes=15),
        "backfill_1y": timedelta(hours=1),
        "backfill_forever": timedelta(hours=1),
    }
    found = {name: Counter(rule.record for rule in group.rules) for name, group in groups.items()}
    assert found["live"] == GAUGES + Counter(CUMULATIVE)
    assert found["backfill_1w"] == GAUGES
    assert found["backfill_1y"] == GAUGES
    assert found["backfill_forever"] == Counter(CUMULATIVE)
    assert not any(rule.labels for group in groups.values() for rule in group.rules)


def test_the_routing_lists_are_complete() -> None:
    routing = load_routing(RULES)
    assert routing.cumulative == frozenset(CUMULATIVE)
    assert routing.geo == {f"manifest_geo_{x}" for x in ("latitude", "longitude", "metadata")}


@pytest.mark.parametrize("record", GOLDEN)
def test_gauges_say_exactly_this(record: str) -> None:
    now, over = GOLDEN[record]
    assert now in expressions("live", record)
    for group in ("backfill_1w", "backfill_1y"):
        assert over.replace("STEP", STEPS[group]) in expressions(group, record)


@pytest.mark.parametrize("record", INCREMENTS)
def test_increments_say_exactly_this(record: str) -> None:
    for group, seconds in (("live", "60"), ("backfill_forever", "3600")):
        expr = INCREMENTS[record].replace("STEP", STEPS[group]).replace("SECONDS", seconds)
        assert expressions(group, record) == [expr]


def test_groups_differ_only_in_the_step() -> None:
    groups = load_groups(RULES)

    def bare(expr: str) -> str:
        expr = re.sub(r"(?:avg|last)_over_time\((.*?)\[(?:1m|15m|1h)\]\)", r"\1", expr)
        return re.sub(r" \* (?:60|3600)\b", " * SECONDS", expr)

    texts = {
        name: Counter((rule.record, bare(rule.expr)) for rule in group.rules)
        for name, group in groups.items()
    }
    assert texts["backfill_1w"] == texts["backfill_1y"]
    assert texts["live"] == texts["backfill_1y"] + texts["backfill_forever"]


@pytest.mark.parametrize("record", ONE_PER_TIER)
def test_the_tiers_differ_only_in_the_tier(record: str) -> None:
    for group in ("live", "backfill_1w", "backfill_1y"):
        mainnet, testnet = expressions(group, record)
        assert mainnet.replace("mainnet", "testnet") == testnet != mainnet
