"""No secret is on vmalert's command line or in what is told of its end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from promtsdb_dagster.adapters.replay import ReplayCommand, ReplayContainer, ReplaySetup
from promtsdb_dagster.adapters.replay_process import ProcessReplayer, find_vmalert
from promtsdb_dagster.core.replaying import Job
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import ConfigurationError
from promtsdb_dagster.installation import replay_setup_of
from promtsdb_dagster.settings import Settings

HOUR = timedelta(hours=1)
JOB = Job(
    "gauges", HOUR, Window(EPOCH + HOUR, EPOCH + 2 * HOUR), (Rule("gauges", "a", "a", {}, "f", 1),)
)
SECRETS = ("source-password", "source-token", "telegraf-password", "user:pass@prometheus")
COMMAND = ReplayCommand(
    "http://user:pass@prometheus:9090",
    "http://telegraf:9273/write",
    datasource_username="me",
    datasource_password="source-password",
    datasource_token="source-token",
    datasource_ca="-----BEGIN CERTIFICATE-----",
    telegraf_username="promtsdb",
    telegraf_password="telegraf-password",
)


def test_secrets_go_by_the_environment() -> None:
    line, variables = " ".join(COMMAND.arguments(JOB, "/x")), COMMAND.environment()
    assert not [secret for secret in SECRETS if secret in line]
    assert [secret for secret in SECRETS if secret in " ".join(variables.values())] == list(SECRETS)
    assert not [secret for secret in SECRETS[:3] if secret in repr(COMMAND)]
    assert variables["REPLAY_remoteWrite_basicAuth_password"] == "telegraf-password"
    assert "-envflag.prefix=REPLAY_" in line


def test_one_instant_has_two_ends() -> None:
    """vmalert refuses a replay that ends where it begins."""
    arguments = COMMAND.arguments(JOB, "/x")
    assert "-replay.timeFrom=1970-01-01T01:00:00Z" in arguments
    assert "-replay.timeTo=1970-01-01T01:00:01Z" in arguments
    assert "-replay.maxDatapointsPerQuery=1" in arguments


def test_last_words_are_the_last_complaints_without_secrets() -> None:
    place = "VictoriaMetrics/app/vmalert/remotewrite/remotewrite.go:221"
    lines = [f"2026-11-22T22:52:2{n}.406Z\twarn\t{place}\tattempt {n} failed" for n in range(4)]
    lines += ["2026-11-22T22:52:25.406Z\tinfo\tmain.go:1\tworking"]
    lines += [f"2026-11-22T22:52:26.406Z\tfatal\t{place}\t401 for telegraf-password: <html>", "x"]
    words = COMMAND.last_words("\n".join(lines))
    assert words == "attempt 2 failed | attempt 3 failed | 401 for ***: <html>"


def test_what_is_no_log_of_vmalert_is_shown_as_it_is() -> None:
    assert COMMAND.last_words("sh: not found\nat user:pass@p\n") == "sh: not found | at user:***@p"


def replay_by(tmp_path: Path, script: str, seconds: float = 30) -> str:
    program = tmp_path / "vmalert"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(ProcessReplayer(COMMAND, program, longest_seconds=seconds).replay(JOB))


def test_a_process_gets_the_rules_and_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:secret@here/metrics")
    told = replay_by(
        tmp_path,
        'while read -r line; do case "$line" in *record*) echo "$line";; esac; done'
        ' < "${3#-rule=}"; echo "sees $DATABASE_URL."',
    )
    assert "record: a" in told
    assert told.endswith("sees .")
    assert told.startswith("vmalert ended with status 0")


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("exit 255", "vmalert ended with status 255"),
        ("kill -9 $$", "vmalert was ended by signal 9"),
        ("exec /bin/sleep 600", "vmalert was ended after 0 s"),
    ],
)
def test_how_a_process_ended(tmp_path: Path, script: str, how: str) -> None:
    assert replay_by(tmp_path, script, seconds=0.4 if "sleep" in script else 30) == how


def test_a_program_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="vmalert does not start"):
        ProcessReplayer(COMMAND, tmp_path / "none").replay(JOB)


def test_the_program_of_the_tools_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, path = tmp_path / "tools", tmp_path / "path"
    for folder, name in ((tools, "vmalert"), (path, "vmalert-prod")):
        folder.mkdir()
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(path))
    setup = ReplaySetup(COMMAND, tools=tools)

    assert find_vmalert(setup) == tools / "vmalert"
    (tools / "vmalert").unlink()
    assert find_vmalert(setup) == path / "vmalert-prod"
    (path / "vmalert-prod").unlink()
    with pytest.raises(ConfigurationError, match="make tools"):
        find_vmalert(setup)
    assert find_vmalert(ReplaySetup(COMMAND, program=Path("/my/own"))) == Path("/my/own")


@pytest.mark.parametrize(
    "image", ["victoriametrics/vmalert", "registry:5000/vmalert", "vmalert:latest"]
)
def test_an_image_must_name_its_version(image: str) -> None:
    with pytest.raises(ConfigurationError, match="names no version"):
        ReplayContainer(image)


def test_the_environment_says_who_replays() -> None:
    settings = Settings(
        datasource_url="http://p:9090", telegraf_password="telegraf-password",
        replay_image="victoriametrics/vmalert:v1.150.0", replay_networks="live, outside",
    )  # fmt: skip

    setup = replay_setup_of(settings)

    assert setup.container == ReplayContainer(
        "victoriametrics/vmalert:v1.150.0", ("live", "outside")
    )
    assert setup.command.telegraf_username == "promtsdb"
    assert setup.command.telegraf_password == "telegraf-password"
    assert replay_setup_of(Settings(datasource_url="http://p:9090")).container is None
    with pytest.raises(ConfigurationError, match="DATASOURCE_URL"):
        replay_setup_of(Settings())
