"""The local stack on real processes: start, share, interrupt, kill, recover."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack import (
    Endpoints,
    LocalStack,
    Options,
    Receiver,
    caddy,
    postgrest,
    telegraf,
)
from promtsdb_dagster.localstack.binaries import find_postgres, find_program
from promtsdb_dagster.localstack.postgres import Cluster
from promtsdb_dagster.localstack.state import State, locked
from promtsdb_dagster.settings import ROOT

pytestmark = pytest.mark.e2e

# Nobody listens there, whatever else runs on this machine.
OPTIONS = Options(history_days=0.2, telegraf=Receiver("http://127.0.0.1:9/write"))
# In the order of their start; those that are not installed here are not started.
ORDER = ("postgres", "exporter", "prometheus", "telegraf", "vmalert", "postgrest", "caddy")
PROGRAM = f"""
import signal, sys
from pathlib import Path
from promtsdb_dagster.localstack import LocalStack, Options
say = lambda line: print(line, flush=True)
stack = LocalStack(Path(sys.argv[1]), Path({str(ROOT)!r}),
                   options=Options(history_days=0.2), report=say)
with stack.running() as endpoints:
    say("ready " + endpoints.datasource_url)
    sys.stdin.readline()
say("ended")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A state folder whose stack is gone at the end, whatever the test did to it."""
    yield tmp_path / "state"
    LocalStack(tmp_path / "state", ROOT, options=OPTIONS).remove()


def stack_in(folder: Path) -> LocalStack:
    """Return the stack of a test's folder."""
    return LocalStack(folder, ROOT, options=OPTIONS)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition, not longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        threading.Event().wait(0.05)


@contextmanager
def another_starter(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the stack from another process, which ends when its input does."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_with(process: subprocess.Popen[str], beginning: str) -> str:
    """Read the process' output up to a line that begins so."""
    assert process.stdout
    for line in process.stdout:
        if line.startswith(beginning):
            return line.strip()
    raise AssertionError(f"it ended without {beginning!r}")


def pids(folder: Path) -> dict[str, int]:
    """Return the recorded process of each service."""
    services = State.load(folder / "state.json").services
    return {name: running.process.pid for name, running in services.items()}


def is_down(folder: Path, name: str) -> bool:
    """Say whether a service's process is gone."""
    return not any(each.running for each in stack_in(folder).status() if each.name == name)


def answers(endpoints: Endpoints) -> bool:
    """Say whether database, source and exporter all work."""
    with psycopg.connect(endpoints.database_url) as connection:
        connection.execute("SELECT 1")
    return all(
        httpx.get(url, trust_env=False).status_code == 200
        for url in (f"{endpoints.datasource_url}/-/ready", f"{endpoints.exporter_url}/metrics")
    )


def nothing_runs(folder: Path) -> bool:
    """Say whether no process has the folder on its command line."""
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command and b"pytest" not in command:
            return False
    return not any(each.running for each in stack_in(folder).status())


def test_start_twice_stop_start_again(folder: Path) -> None:
    """The second start changes nothing; after a stop the data is still there."""
    stack = stack_in(folder)
    assert stack.endpoints() is None
    first = stack.start()
    assert answers(first)
    before = pids(folder)
    assert stack_in(folder).start() == first
    assert pids(folder) == before
    with psycopg.connect(first.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    plan = (folder / "prometheus/tsdb/history.json").read_text()

    assert list(before) == [name for name in ORDER if name in before]
    assert stack.stop() == list(reversed(before))
    assert nothing_runs(folder)
    assert stack.stop() == []

    again = stack.start()
    with psycopg.connect(again.database_url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    assert (folder / "prometheus/tsdb/history.json").read_text() == plan
    assert stack.endpoints() == again


def test_running_stops_what_it_started_but_not_what_others_use(folder: Path) -> None:
    """A block inside of another, or of a started stack, leaves it running."""
    with stack_in(folder).running() as endpoints:
        with stack_in(folder).running() as inner:
            assert inner == endpoints
        assert answers(endpoints)
    assert nothing_runs(folder)
    started = stack_in(folder).start()
    with stack_in(folder).running() as endpoints:
        assert endpoints == started
    assert answers(started)


def test_two_starters_at_once_share_one_stack(folder: Path) -> None:
    """The one that ends first leaves the services to the other, which then stops them."""
    with another_starter(folder) as one, another_starter(folder) as two:
        assert line_with(one, "ready") == line_with(two, "ready")
        one.communicate("\n", timeout=60)
        assert len(pids(folder)) >= 3
        endpoints = stack_in(folder).endpoints()
        assert endpoints
        assert answers(endpoints)
        two.communicate("\n", timeout=60)
        assert (one.returncode, two.returncode) == (0, 0)
    assert nothing_runs(folder)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("making", signal.SIGINT),
        ("postgres", signal.SIGTERM),
        ("ready", signal.SIGINT),
        ("ready", signal.SIGHUP),
    ],
)
def test_an_interrupted_starter_leaves_nothing_behind(
    folder: Path, moment: str, number: signal.Signals
) -> None:
    """While making the history, between two services, and when all run."""
    with another_starter(folder) as process:
        line_with(process, moment)
        process.send_signal(number)
        process.wait(60)
        assert process.returncode != 0
    assert nothing_runs(folder)


@pytest.mark.parametrize("moment", ["making", "postgres", "exporter", "ready"])
def test_a_killed_starter_is_recovered_from(folder: Path, moment: str) -> None:
    """Its processes are found, used and stopped by the next one."""
    with another_starter(folder) as process:
        line_with(process, moment)
        orphans = set(pids(folder).values())
        process.kill()
    with stack_in(folder).running() as endpoints:
        assert answers(endpoints)
        if moment == "ready":
            assert set(pids(folder).values()) == orphans
    assert nothing_runs(folder)


def test_everything_killed_at_once_is_recovered_from(folder: Path) -> None:
    """As after a power failure: a stale postmaster.pid, a stale lock of Prometheus."""
    with another_starter(folder) as process:
        line_with(process, "ready")
        endpoints = stack_in(folder).endpoints()
        assert endpoints
        with psycopg.connect(endpoints.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 2 AS two")
        process.kill()
        for pid in pids(folder).values():
            os.kill(pid, signal.SIGKILL)
    with stack_in(folder).running() as endpoints:
        assert answers(endpoints)
        with psycopg.connect(endpoints.database_url) as connection:
            assert connection.execute("SELECT two FROM kept").fetchone() == (2,)
    assert nothing_runs(folder)


def test_a_lost_state_file_does_not_lose_the_processes(folder: Path) -> None:
    """Servers on the folder's data are found by their command lines."""
    stack = stack_in(folder)
    stack.start()
    (folder / "state.json").write_text("{")
    assert stack.endpoints() is None
    assert answers(stack.start())
    assert "postgres" in stack.stop()
    assert nothing_runs(folder)


def test_each_killed_service_is_replaced_on_its_port(folder: Path) -> None:
    """Who holds its address need not know, and the others go on."""
    with stack_in(folder).running() as endpoints:
        for name in pids(folder):
            before = pids(folder)
            os.kill(before[name], signal.SIGKILL)
            until(partial(is_down, folder, name))
            with stack_in(folder).running() as again:
                assert again == endpoints
                assert answers(endpoints)
            status = {each.name: each.answers for each in stack_in(folder).status()}
            assert [each for each in before if not status[each]] == []
            after = pids(folder)
            assert after[name] != before[name]
            # What talks to a database that came back may be asked to come back as well.
            kept = set(before) - ({name} if name != "postgres" else {name, "postgrest"})
            assert {each: after[each] for each in kept} == {each: before[each] for each in kept}


def test_a_held_lock_is_an_error_that_names_it(tmp_path: Path) -> None:
    """It says what is going on, and where."""
    with (
        locked(tmp_path / "lock", 1),
        pytest.raises(StackError, match="another process has been starting"),
        locked(tmp_path / "lock", 0),
    ):
        pass


def test_owner_is_no_superuser_and_the_server_no_unix_socket(folder: Path) -> None:
    """What services get may create roles and the extension, and no more."""
    with stack_in(folder).running() as endpoints:
        with psycopg.connect(endpoints.database_url) as connection:
            rights = "SELECT rolsuper, rolcreaterole, rolreplication FROM pg_roles"
            found = connection.execute(f"{rights} WHERE rolname = current_user").fetchone()
            assert found == (False, True, False)
        with psycopg.connect(endpoints.admin_database_url) as connection:
            for name, value in (
                ("unix_socket_directories", ""),
                ("listen_addresses", "127.0.0.1"),
                ("password_encryption", "scram-sha-256"),
            ):
                assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == (
                    value,
                )
        wrong = endpoints.database_url.replace("metrics_owner:", "metrics_owner:x")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        state = (folder / "state.json").read_text()
        assert "password" not in state
        passwords = json.loads((folder / "postgres/passwords.json").read_text())
        assert passwords["owner"] in endpoints.database_url
        assert (folder / "postgres/passwords.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("timescaledb", [False, True])
def test_the_engine_can_be_chosen(folder: Path, timescaledb: bool) -> None:
    """One server serves both variants; the choice decides about the preload."""
    if timescaledb and not find_postgres().has_timescaledb:
        pytest.skip("this PostgreSQL server has no TimescaleDB")
    options = Options(timescaledb=timescaledb, history_days=0.2)
    with LocalStack(folder, ROOT, options=options).running() as endpoints:
        assert endpoints.engine == ("timescaledb" if timescaledb else "postgresql")
        assert any("TimescaleDB" in sentence for sentence in endpoints.skipped) != timescaledb
        with psycopg.connect(endpoints.database_url, autocommit=True) as connection:
            if timescaledb:
                connection.execute("CREATE EXTENSION timescaledb")
        with psycopg.connect(endpoints.admin_database_url) as connection:
            preload = connection.execute("SHOW shared_preload_libraries").fetchone()
            assert preload == ("timescaledb" if timescaledb else "",)


def test_missing_programs_are_errors_that_name_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong folder, wrong version, no Prometheus."""
    with pytest.raises(StackError, match=r"PG_BINDIR=.*has no PostgreSQL server"):
        find_postgres(tmp_path)
    old = tmp_path / "old"
    old.mkdir()
    for name in ("initdb", "postgres"):
        (old / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (old / name).chmod(0o755)
    with pytest.raises(StackError, match=r"14 in .*old"):
        find_postgres(old)
    with pytest.raises(StackError, match=r"apt-get install postgresql-99"):
        find_postgres(major=99)
    newer = tmp_path / "newer"
    shutil.copytree(old, newer)
    (newer / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 98.0'\n")
    with pytest.raises(StackError, match="has no TimescaleDB extension"):
        Cluster(tmp_path / "cluster", tmp_path / "log", newer, True).has_timescaledb()
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(StackError, match=r"promtool is not on the PATH.*apt-get install"):
        stack_in(folder).start()


def test_absent_services_are_said_in_plain_sentences(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what `make tools` builds and without PostgREST the stack is what it was."""
    absent = ("telegraf", "postgrest", "caddy")
    for module in (telegraf, postgrest, caddy):
        monkeypatch.setattr(module, "find_program", lambda _: None)
    with stack_in(folder).running() as endpoints:
        assert answers(endpoints)
        assert not set(absent) & set(pids(folder))
        text = " | ".join(endpoints.skipped)
        for name in ("Telegraf is not installed", "PostgREST is not on the PATH", "Caddy is not"):
            assert name in text
        assert "make tools" in text
        variables = endpoints.environment()
        assert variables["DATABASE_URL"] == endpoints.database_url
        assert variables["DATASOURCE_URL"] == endpoints.datasource_url
        assert not {"TELEGRAF_URL", "POSTGREST_ADMIN_URL", "API_URL"} & set(variables)
        if find_program("vmalert"):
            assert "its results go nowhere" in text
            assert variables["VMALERT_URL"] == endpoints.vmalert_url
            groups = httpx.get(f"{endpoints.vmalert_url}/api/v1/rules", trust_env=False).json()
            assert [group["name"] for group in groups["data"]["groups"]] == ["live"]
        else:
            assert "vmalert is not installed" in text


def test_a_stack_without_a_service_names_it(folder: Path) -> None:
    """Who asks for less gets less, and is told."""
    options = Options(history_days=0.2, without=ORDER[3:])
    with LocalStack(folder, ROOT, options=options).running() as endpoints:
        assert tuple(pids(folder)) == ORDER[:3]
        assert {f"{name} was asked to be left out" for name in ORDER[3:]} <= set(endpoints.skipped)
