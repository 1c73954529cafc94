"""The shipped rule files before the programs that will read them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from promtsdb_dagster import rulesets
from promtsdb_dagster.adapters.rulefiles import load_groups, rule_files
from promtsdb_dagster.core.rules import Rule
from tests.fix_prometheus import running_prometheus

RULES = Path(__file__).parents[2] / "rules"
GROUPS = load_groups(RULES)
NOON = 1_699_963_200  # a multiple of every step

NGINX = "netdata_prometheus_nginx_exporter_local_nginx_http_requests_total_requests_persec_average"
PACKETS = "netdata_ipv4_tcppackets_packets_persec_average"
SITES = "netdata_prometheus_custom_exporter_local_manifest_ghostcloud_total_sites_sites_average"
OLD_SITES = "netdata_sites_number_average"
DISK = "netdata_disk_space_GiB_average"
CHAIN = 'chain_id="manifest-ledger-mainnet",manifest_tier="mainnet"'
MN = 'manifest_network="true"'
# series -> its constant value, one sample a minute in the hour up to noon
CONSTANT = {
    f'{NGINX}{{{MN},instance="a"}}': 1,
    f'{NGINX}{{{MN},instance="b",job="netdata-cdn-prod-web"}}': 3,
    f'{PACKETS}{{{MN},dimension="sent"}}': -3,
    f'{PACKETS}{{{MN},dimension="received"}}': 5,
    f'{OLD_SITES}{{chart="manifest_Manifest_Network.sites",many_chain="manifest-web-alpha"}}': 7,
    f'{DISK}{{dimension="used",instance="a"}}': 10,
    f'{DISK}{{dimension="used",instance="q-cell-1"}}': 5,
    f'{DISK}{{dimension="avail",instance="a"}}': 30,
    f'{DISK}{{dimension="used",instance="g",guest_containers="true"}}': 99,
    'minio_bucket_usage_total_bytes{job="minio-stats",instance="a",server="s",bucket="x"}': 5,
    'minio_bucket_usage_total_bytes{job="minio-stats",instance="a",server="s",bucket="y"}': 6,
    'minio_bucket_usage_total_bytes{job="minio-stats",instance="b",server="s",bucket="x"}': 9,
    'minio_bucket_usage_object_total{job="minio-stats",instance="a",bucket="x"}': 2,
    'minio_bucket_usage_object_total{job="minio-stats",instance="a",bucket="y"}': 2,
    'minio_bucket_usage_object_total{job="minio-stats",instance="b",bucket="x"}': 3,
    f'up{{{MN},metric_source="netdata",instance="a"}}': 1,
    f'up{{{MN},metric_source="netdata",instance="b"}}': 0,
    f'cometbft_consensus_height{{{CHAIN},n="1"}}': 4,
    f'cometbft_consensus_height{{{CHAIN},n="2"}}': 6,
    'yaci_tokenomics_total_burn_amount{manifest_tier="mainnet",amount="12345678901234567890"}': 1,
    f"netdata_amdgpu_gpu_mem_vis_vram_usage_bytes_average{{{MN}}}": 8,
    f"netdata_nvidia_smi_gpu_frame_buffer_memory_usage_B_average{{{MN}}}": 16,
}
# It is gone at noon, so nothing may count it.
GONE = f'up{{{MN},metric_source="netdata",instance="gone"}}'

# group, record -> the values at noon of all its rules
NOON_VALUES = {
    ("live", "web_requests"): [240],
    ("live", "decentralized_web_requests"): [180],
    ("live", "system_tcp_sent"): [180],
    ("backfill_forever", "web_requests"): [14_400],
    ("backfill_forever", "system_tcp_sent"): [10_800],
    ("backfill_forever", "system_tcp_received"): [18_000],
    ("backfill_1w", "web_requests_per_sec"): [4],
    ("backfill_1w", "web_sites"): [7],
    ("live", "disk_space_used"): [15],
    ("backfill_1y", "disk_space_used"): [15],
    ("backfill_1y", "disk_space_total"): [40],
    ("live", "disk_space_total"): [40],
    ("live", "minio_used"): [11],
    ("backfill_1w", "minio_used"): [11],
    ("backfill_1w", "minio_total"): [4],
    ("backfill_1w", "minio_buckets"): [2],
    ("live", "node_count"): [2],
    ("backfill_1w", "node_count"): [2],
    ("backfill_1y", "node_count"): [2],
    ("backfill_1y", "blockchain_height"): [6],
    ("backfill_1y", "gpu_memory"): [24],
    ("backfill_1y", "gpu_total"): [],
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Run a Prometheus that holds CONSTANT."""
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on the PATH: no expression was sent to a real server")
    folder = tmp_path_factory.mktemp("prometheus")
    minutes = range(NOON - 3_540, NOON + 60, 60)
    lines = [f"{name} {value} {t}" for t in minutes for name, value in CONSTANT.items()]
    lines += [f"{GONE} 1 {t}" for t in minutes if t < NOON - 1_800]
    lines.append(f'{SITES}{{service="netdata-kvstore-qa-01"}} 9 {NOON - 1_800}')
    (folder / "history.txt").write_text("\n".join(lines) + "\n# EOF\n")
    data = folder / "tsdb" / "data"
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt", data],
        check=True,
        capture_output=True,
        timeout=60,
    )
    with (
        running_prometheus(folder) as url,
        httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
    ):
        yield client


def ask(source: httpx.Client, rule: Rule, start: int, end: int) -> list[dict]:
    step = int(GROUPS[rule.group].step.total_seconds())
    answer = source.get(
        "/api/v1/query_range",
        params={"query": rule.expr, "start": start, "end": end, "step": step},
    ).json()
    assert answer["status"] == "success", f"{rule.file}:{rule.line}: {answer}"
    assert not answer.get("warnings"), f"{rule.file}:{rule.line}: {answer}"
    return answer["data"]["result"]


@pytest.mark.parametrize("group", GROUPS)
def test_prometheus_evaluates_every_rule(source: httpx.Client, group: str) -> None:
    for rule in GROUPS[group].rules:
        ask(source, rule, NOON - 7_200, NOON)


@pytest.mark.parametrize(("group", "record"), NOON_VALUES)
def test_the_values_at_noon(source: httpx.Client, group: str, record: str) -> None:
    found = [
        float(series["values"][0][1])
        for rule in GROUPS[group].rules
        if rule.record == record
        for series in ask(source, rule, NOON, NOON)
    ]
    assert found == NOON_VALUES[group, record]


@pytest.mark.parametrize("group", ["live", "backfill_1w", "backfill_1y"])
def test_as_is_keeps_the_labels_of_the_source(source: httpx.Client, group: str) -> None:
    (series,) = [
        series
        for rule in GROUPS[group].rules
        if rule.record == "total_mfx_burned"
        for series in ask(source, rule, NOON, NOON)
    ]
    labels = {name: value for name, value in series["metric"].items() if name != "__name__"}
    assert labels == {"manifest_tier": "mainnet", "amount": "12345678901234567890"}


def test_the_newer_sites_come_first_while_they_are_there(source: httpx.Client) -> None:
    (rule,) = [rule for rule in GROUPS["live"].rules if rule.record == "web_sites"]
    (series,) = ask(source, rule, NOON - 1_800, NOON)
    assert series["values"][0] == [NOON - 1_800, "9"]
    assert series["values"][-1] == [NOON, "7"]


@pytest.mark.parametrize("program", ["promtool", "vmalert"])
def test_the_programs_accept_the_files(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on the PATH: the files were not shown to it")
    said: list[str] = []
    assert rulesets.check(RULES, said.append), said
    assert any(line.startswith(f"ok: {program}") for line in said)


def test_promtool_reads_the_files_as_they_are() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on the PATH: the files were not shown to it")
    done = subprocess.run(
        ["promtool", "check", "rules", *rule_files(RULES)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("program", ["promtool", "vmalert"])
def test_the_check_fails_when_a_program_refuses(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    shutil.copy(RULES / "live.yaml", tmp_path / "rules")
    refusing = tmp_path / program
    refusing.write_text("#!/bin/sh\necho no such thing; exit 3\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    assert not rulesets.check(tmp_path / "rules", said.append)
    assert f"failed: {program} ended with 3\nno such thing" in said


@pytest.mark.parametrize("program", ["promtool", "vmalert"])
def test_concurrency_is_no_reason_to_refuse(program: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on the PATH: the file was not shown to it")
    text = (RULES / "live.yaml").read_text()
    (tmp_path / "live.yaml").write_text(
        text.replace("    rules:\n", "    concurrency: 4\n    rules:\n")
    )
    said: list[str] = []
    assert rulesets.check(tmp_path, said.append), said
    assert any(line.startswith(f"ok: {program}") for line in said)
