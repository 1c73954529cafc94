"""The live path and the API of the local stack, on the very files that Compose mounts."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import jwt
import psycopg
import pytest

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.adapters.services import Endpoints as ServiceUrls
from promtsdb_dagster.adapters.services import Services
from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack import Endpoints, LocalStack, Options
from promtsdb_dagster.localstack.binaries import TOOLS
from promtsdb_dagster.localstack.secret_file import SecretFile
from promtsdb_dagster.localstack.state import State
from promtsdb_dagster.localstack.vmalert import VMAlert
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import SQL_DIR, ScratchDatabase
from tests.fix_telegraf import wait_until

pytestmark = pytest.mark.e2e

CONFIGURATION = {
    "telegraf": "telegraf/telegraf.conf",
    "postgrest": "postgrest/postgrest.conf",
    "caddy": "caddy/Caddyfile",
}
# Less would end within the outages that the history has.
OPTIONS = Options(history_days=1)
QUIET = replace(OPTIONS, without=("vmalert",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Lend a state folder to the tests of this module, which go on from one another's stack."""
    folder = tmp_path_factory.mktemp("live")
    yield folder
    LocalStack(folder, ROOT, options=OPTIONS).remove()


@pytest.fixture(scope="module")
def quiet(folder: Path) -> Endpoints:
    """Run everything but vmalert, and migrate the database while it runs."""
    endpoints = LocalStack(folder, ROOT, options=QUIET).start()
    with ScratchDatabase(endpoints.database_url) as database:
        Migrator(database, load_migrations(SQL_DIR)).up()
    return endpoints


@pytest.fixture(scope="module")
def stack(folder: Path, quiet: Endpoints) -> Endpoints:
    """Add vmalert to what runs; skip where a part of the live path is missing."""
    whole = LocalStack(folder, ROOT, options=OPTIONS).start()
    assert whole.database_url == quiet.database_url
    if not (whole.telegraf_url and whole.vmalert_url):
        pytest.skip("; ".join(whole.skipped))
    return whole


def command_line(folder: Path, name: str) -> list[str]:
    """Return how the running service of that name was called."""
    pid = State.load(folder / "state.json").services[name].process.pid
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def arrived(url: str) -> int:
    """Return how many rows the live path has brought."""
    with psycopg.connect(url) as connection:
        [[rows]] = connection.execute("SELECT count(*) FROM internal.prometheus_remote_write")
    return int(rows)


def has_written(services: Services) -> bool:
    """Say whether Telegraf counts rows as written."""
    return float(services.health("telegraf").facts["metrics_written"]) > 0


def test_live_rows_arrive(stack: Endpoints) -> None:
    """Nothing else writes here: Prometheus, vmalert, Telegraf, staging, table."""
    wait_until(lambda: arrived(stack.database_url) > 0, "live rows in the database", 150)
    url = stack.telegraf_metrics_url
    assert url
    # Whichever way its page is named.
    for each in (url, f"{url}/", url.removesuffix("metrics")):
        wait_until(partial(has_written, Services(ServiceUrls(telegraf=each))), f"rows at {each}")


def test_services_read_the_files_of_compose(folder: Path, stack: Endpoints) -> None:
    """Each by a link in the stack's own folder."""
    assert stack.telegraf_url
    running = State.load(folder / "state.json").services
    for name, file in CONFIGURATION.items():
        if name in running:
            [link] = [word for word in command_line(folder, name) if word.endswith(Path(file).name)]
            assert Path(link).is_symlink()
            assert Path(link).resolve() == ROOT / "docker" / file


def test_no_secret_is_to_be_seen(folder: Path, stack: Endpoints) -> None:
    """Not on a command line, not in the state, not in a file that others can read."""
    file = folder / "secrets.json"
    secrets = json.loads(file.read_text())
    assert len(secrets) == len(set(secrets.values())) == 4
    assert all(len(secret) >= 32 for secret in secrets.values())
    for path in (file, folder / "vmalert/telegraf.password"):
        assert path.stat().st_mode & 0o077 == 0
    seen = (folder / "state.json").read_text() + repr(stack)
    for name in State.load(folder / "state.json").services:
        seen += " ".join(command_line(folder, name))
    for log in (folder / "logs").iterdir():
        seen += log.read_text(errors="replace")
    assert not [name for name, secret in secrets.items() if secret in seen]


def test_services_log_in_as_themselves(stack: Endpoints) -> None:
    """Neither as a superuser nor as the owner."""
    with psycopg.connect(stack.admin_database_url) as connection:
        users = connection.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    expected = {"telegraf"} | ({"postgrest"} if stack.postgrest_url else set())
    assert {name for (name,) in users} == expected


def test_environment_points_to_what_runs(stack: Endpoints) -> None:
    """Whoever evaluates it reaches Telegraf and the API with the right password and key."""
    variables = stack.environment()
    assert len(variables["JWT_SECRET"]) >= 32
    user = (variables["TELEGRAF_USERNAME"], variables["TELEGRAF_PASSWORD"])
    url = variables["TELEGRAF_URL"]
    wrong = httpx.post(url, auth=(user[0], "wrong"), trust_env=False)
    right = httpx.post(url, auth=user, content=b"?", trust_env=False)
    assert (wrong.status_code, right.status_code) == (401, 400)
    if not stack.api_url:
        return
    api = variables["API_URL"]
    # Without a restart: PostgREST was told of the migrations.
    wait_until(
        lambda: httpx.get(f"{api}/rpc/get_excluded_addresses", trust_env=False).is_success,
        "an answer of the API",
    )
    page = httpx.get(f"{api}/", trust_env=False).json()
    assert f"{page['schemes'][0]}://{page['host']}" == api
    claims = {"role": "writer", "aud": "promtsdb", "exp": 4_000_000_000}
    token = jwt.encode(claims, variables["JWT_SECRET"], "HS256")
    added = httpx.post(
        f"{api}/rpc/add_excluded_address",
        json={"p_value": "of-the-local-stack"},
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert added.is_success, added.text
    ready = httpx.get(f"{variables['POSTGREST_ADMIN_URL']}/ready", trust_env=False)
    assert ready.status_code == 200


def test_vmalert_follows_telegraf(folder: Path, stack: Endpoints) -> None:
    """It is started again when the stack's Telegraf goes or comes, and the rest goes on."""
    here = f"-remoteWrite.url={stack.telegraf_url}"
    assert here in command_line(folder, "vmalert")
    before = State.load(folder / "state.json").services
    alone = replace(OPTIONS, without=("telegraf", "postgrest", "caddy"))
    LocalStack(folder, ROOT, options=alone).start()
    assert f"-remoteWrite.url={OPTIONS.telegraf.url}" in command_line(folder, "vmalert")
    assert LocalStack(folder, ROOT, options=OPTIONS).start() == stack
    assert here in command_line(folder, "vmalert")
    after = State.load(folder / "state.json").services
    changed = [name for name in before if before[name].process != after[name].process]
    assert changed == ["vmalert"]


@pytest.mark.parametrize("where", [str(TOOLS), None], ids=["built", "installed"])
def test_every_vmalert_waits_for_settled_samples(where: str | None, tmp_path: Path) -> None:
    """The flag has another name in old versions, and an unknown one would end the start."""
    program = shutil.which("vmalert", path=where)
    if program is None:
        pytest.skip("one of two kinds of vmalert is not there; `make tools` builds the new one")
    service = VMAlert(
        tmp_path,
        tmp_path / "log",
        ROOT / "rules/live.yaml",
        settle_seconds=45,
        secrets=SecretFile(tmp_path / "secrets.json"),
        elsewhere=OPTIONS.telegraf,
    )
    help_text = subprocess.run([program, "-help"], capture_output=True, text=True, check=False)
    known = help_text.stdout + help_text.stderr
    [delay] = [flag for flag in service.timing(program) if flag.endswith("=45s")]
    assert f"  {delay.partition('=')[0]} duration" in known


def test_broken_secrets_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """And a missing file is no error."""
    file = SecretFile(tmp_path / "secrets.json")
    assert file.read() == file.read()
    file.path.write_text('{"jwt": "x", "other": 1}')
    with pytest.raises(StackError, match=r"secrets\.json does not hold .*delete it"):
        file.read()
