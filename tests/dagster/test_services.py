"""Every service is asked what its users would ask, and says in words what is wrong."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from promtsdb_dagster.adapters.services import Endpoints, Health, Services
from promtsdb_dagster.installation import install
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import load_settings
from tests.dagster.fakes import FakeProject
from tests.doubles.scripted_http import Answer, scripted
from tests.fix_prometheus import History

TEXT = Answer(b'{"data": {"result": [{"value": ["soon", "1"]}]}}')
MANY = Answer(json.dumps({"data": {"result": [{"value": [0, "345"]}]}}).encode())
READY = Answer(b"Prometheus Server is Ready.\n", content_type="text/plain")
HTML = Answer(b"<html>Sign in</html>", content_type="text/html")


def _clock(ahead: float = 0.0) -> Answer:
    now = time.time() + ahead
    return Answer(json.dumps({"data": {"result": [{"value": [now, "1"]}]}}).encode())


def _ask(service: str, *answers: Answer) -> Health:
    with scripted(*answers) as server:
        endpoints = replace(Endpoints(), **{service: server.url})
        return Services(endpoints, timeout_seconds=5).health(service)


def _rules(error: str = "", key: str = "lastError") -> Answer:
    rules = [{"name": "kube_pods", key: error}, {"name": "node_count", key: ""}]
    return Answer(json.dumps({"data": {"groups": [{"name": "live", "rules": rules}]}}).encode())


def test_a_well_prometheus() -> None:
    health = _ask("prometheus", READY, _clock(), MANY)
    assert health.healthy
    assert health.facts["series"] == 345


def test_a_real_prometheus(history: History) -> None:
    health = Services(Endpoints(prometheus=history.url)).health("prometheus")
    assert health.healthy, health.text


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([Answer(b"starting up", status=503)], "not ready yet: 'starting up'"),
        ([READY, Answer(b"no", status=401)], "HTTP 401: 'no', wanted 200"),
        ([READY, HTML], "'<html>Sign in</html>', wanted JSON"),
        ([READY, TEXT], "wanted one sample"),
    ],
    ids=["not ready", "unauthorized", "HTML", "no sample"],
)
def test_an_unwell_prometheus(answers: list[Answer], words: str) -> None:
    health = _ask("prometheus", *answers)
    assert not health.healthy
    assert words in health.text


def test_a_prometheus_with_another_clock() -> None:
    health = _ask("prometheus", READY, _clock(ahead=3600))
    assert not health.healthy
    assert "its clock is +3" in health.text


def test_the_token_is_sent_and_never_told() -> None:
    with scripted(READY, Answer(b"no", status=403)) as server:
        endpoints = Endpoints(prometheus=server.url, prometheus_token="s3cret")
        health = Services(endpoints).health("prometheus")
        _, headers, _ = server.requests[0]
    assert headers["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in health.text


def test_wrong_settings_are_said_and_do_not_break_the_check(tmp_path: Path) -> None:
    missing = Endpoints(prometheus="https://127.0.0.1:1", prometheus_ca_file=tmp_path / "none.pem")
    assert "DATASOURCE_CA_FILE" in Services(missing).health("prometheus").text
    no_url = Services(Endpoints(vmalert="http://host:port")).health("vmalert")
    assert not no_url.healthy
    assert "check that it runs and that its URL is right" in no_url.text


def test_a_well_vmalert_of_either_age() -> None:
    assert _ask("vmalert", _rules()).facts == {"groups": 1, "rules": 2}
    assert _ask("vmalert", Answer(b"gone", status=404), _rules()).healthy


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([_rules("cannot parse")], "1 of 2 rules fail, the first: kube_pods: cannot parse"),
        ([_rules("cannot parse", key="last_error")], "1 of 2 rules fail"),
        ([Answer(b'{"data": {"groups": []}}')], "no rule is loaded"),
        ([Answer(b"gone", status=404)], "HTTP 404"),
    ],
    ids=["broken rule", "broken rule, older name", "no rules", "something else"],
)
def test_an_unwell_vmalert(answers: list[Answer], words: str) -> None:
    health = _ask("vmalert", *answers)
    assert not health.healthy
    assert words in health.text


def _metrics(dropped: int) -> Answer:
    lines = [
        "# HELP internal_write_metrics_dropped Telegraf collected metric",
        f'internal_write_metrics_dropped{{output="postgresql"}} {dropped}',
        'internal_write_metrics_written{output="postgresql"} 1200',
        'internal_write_metrics_written{output="prometheus_client"} 17',
        "internal_agent_metrics_written 1217",
    ]
    return Answer("\n".join(lines).encode(), content_type="text/plain")


def test_telegraf_tells_what_it_wrote_and_dropped() -> None:
    assert _ask("telegraf", _metrics(0)).facts["metrics_written"] == 1200
    health = _ask("telegraf", _metrics(3))
    assert not health.healthy
    assert "dropped 3 metrics" in health.text
    # What Telegraf answers where the page is not.
    blank = _ask("telegraf", Answer(b"Telegraf Output Plugin ", content_type="text/plain"))
    assert not blank.healthy
    assert "check TELEGRAF_METRICS_URL" in blank.text


def test_postgrest_is_ready_or_not() -> None:
    assert _ask("postgrest", Answer(b"")).healthy
    health = _ask("postgrest", Answer(b"", status=503))
    assert not health.healthy
    assert "HTTP 503" in health.text


def test_caddy_answers_or_not() -> None:
    assert _ask("caddy", Answer(b"{}")).healthy
    assert "HTTP 502" in _ask("caddy", Answer(b"", status=502)).text


@pytest.mark.parametrize("service", ["prometheus", "vmalert", "telegraf", "postgrest", "caddy"])
def test_nobody_there(service: str) -> None:
    endpoints = replace(Endpoints(), **{service: f"http://127.0.0.1:{free_port()}"})
    health = Services(endpoints, timeout_seconds=5).health(service)
    assert not health.healthy
    assert f"{service} does not answer" in health.text


@pytest.mark.parametrize("service", ["prometheus", "vmalert", "telegraf", "postgrest", "caddy"])
def test_what_is_not_configured_is_told_with_its_variable(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = Services(Endpoints()).health(service)
    assert (health.healthy, health.configured) == (True, False)
    variable = re.fullmatch(r"not configured; ([A-Z_]+) says where it is", health.text)
    assert variable
    monkeypatch.setenv(variable[1], f"http://127.0.0.1:{free_port()}")
    assert install(load_settings()).services().health(service).configured


def test_the_job_says_which_services_there_are(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    with scripted(Answer(b"", status=503)) as server:
        project.endpoints = Endpoints(postgrest=server.url)
        result = definitions.resolve_job_def("health").execute_in_process(instance=instance)
    found = {
        check.asset_key.to_user_string(): (
            check.passed,
            check.severity.value,
            check.metadata["status"].value,
        )
        for check in result.get_asset_check_evaluations()
    }
    assert found.pop("postgrest") == (False, "ERROR", "unhealthy")
    assert set(found.values()) == {(True, "WARN", "not configured")}
    assert len(found) == 4
