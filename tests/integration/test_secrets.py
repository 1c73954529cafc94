"""Marks in every variable that may hold a secret, the whole pipeline, its failures, and then a look
at everything that was written.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote, quote_plus

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from promtsdb_dagster import cli
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import ROOT, Settings
from tests.fix_deployment import Deployment
from tests.fix_prometheus import DAY, MIDNIGHT, History

FROM, TO = MIDNIGHT - 9 * DAY, MIDNIGHT - 8 * DAY
# Each needs percent-encoding, as passwords of people do.
MARKS = {
    name: f"m4rk {name} p@ss/wörd%+"
    for name in (
        *("source", "telegraf", "telegraf-url", "vmalert-url", "postgrest-url", "api-url"),
        *("metrics-url", "bearer", "key-of-tokens-which-is-long-enough", "database"),
        *("notify-url", "ui-url", "code-url"),
    )
}
RANGE = ("--from", f"{FROM:%Y-%m-%d}", "--to", f"{TO:%Y-%m-%d}")
QUESTION = """
{ repositoriesOrError { ... on RepositoryConnection { nodes {
    allTopLevelResourceDetails { name description configuredValues { key value type }
      configFields { name description defaultValueAsJson } }
    assetNodes { assetKey { path } description metadataEntries { label description } } } } }
  runsOrError { ... on Runs { results { runConfigYaml tags { key value }
    eventConnection { events { ... on MessageEvent { message } ... on ErrorEvent { error {
      message stack causes { message stack } } } } } } } } }
"""


def spellings(mark: str) -> set[bytes]:
    """Return every way in which a secret may stand in a text, a header or a URL."""
    pairs = [f"{user}:{mark}" for user in ("me", "promtsdb", "metrics_owner")]
    encoded = {base64.b64encode(pair.encode()).rstrip(b"=")[4:-4] for pair in pairs}
    texts = {mark, quote(mark), quote(mark, ""), quote_plus(mark), json.dumps(mark)[1:-1]}
    texts |= {mark.replace("'", "''"), repr(mark)[1:-1], json.dumps(json.dumps(mark))[3:-3]}
    return {text.encode() for text in texts} | encoded


class Guard:
    """A proxy in front of Prometheus that asks for a password; it may fail in bad ways."""

    def __init__(self, upstream: str) -> None:
        self.upstream, self.mode, self.seen = upstream, "pass", set[str]()

    @contextmanager
    def running(self) -> Iterator[int]:
        guard = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given = self.headers.get("Authorization", "")
                guard.seen.add(given)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if guard.mode == "echo":
                    # As the debug pages of some proxies do.
                    text = f"refused {given}: {self.headers}"
                    answer = json.dumps({"status": "error", "error": text}).encode()
                    self.reply(403, answer)
                elif guard.mode == "page":
                    self.reply(200, f"<html>{given}</html>".encode())
                elif guard.mode == "redirect":
                    self.send_response(302)
                    self.send_header("Location", f"http://elsewhere.example/?{quote(given)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    answered = httpx.request(
                        self.command, guard.upstream + self.path, content=body or None,
                        headers={"Content-Type": self.headers.get("Content-Type", "text/plain")},
                        trust_env=False,
                    )  # fmt: skip
                    self.reply(answered.status_code, answered.content)

            do_GET = do_POST

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@dataclass
class Pipeline:
    """An installation whose every variable holds a mark, and everything that it writes."""

    folder: Path
    guard: Guard
    environment: dict[str, str]
    log: Path
    told: set[str] = field(default_factory=set)

    def run(self, *arguments: str, **changed: str) -> tuple[int, str]:
        """Run a command in this process; return its status and what it and its libraries said."""
        said = self.folder / f"said-{len(list(self.folder.glob('said-*')))}.txt"
        with pytest.MonkeyPatch.context() as patch, said.open("w+b") as sink:
            for name, value in {**self.environment, **changed}.items():
                patch.setenv(name, value)
            with _to_file(sink.fileno()):
                status = cli.main(arguments)
        return status, said.read_text()

    def backfill(self, *more: str, **changed: str) -> tuple[int, str]:
        """Backfill the range of the tests."""
        return self.run("backfill", "--asset", "backfill_1y", *RANGE, *more, **changed)

    def leaks(self) -> list[str]:
        """Return each place in which a mark is, once."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        found = []
        for path in [*files, self.log]:
            text = path.read_bytes()
            found += [
                f"{name} in {path.name}: {text[max(0, at - 60) : at + 60]!r}"
                for name, mark in MARKS.items()
                for spelled in spellings(mark)
                if (at := text.find(spelled)) >= 0
            ]
        new = [place for place in found if place not in self.told]
        self.told |= set(new)
        return new


@contextmanager
def _to_file(sink: int) -> Iterator[None]:
    """Send what is written to the standard streams to a file, by whomever in this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    before = [os.dup(stream) for stream in (1, 2)]
    streams = sys.stdout, sys.stderr
    try:
        for stream in (1, 2):
            os.dup2(sink, stream)
        with open(sink, "w", closefd=False) as text:
            sys.stdout = sys.stderr = text
            yield
    finally:
        sys.stdout, sys.stderr = streams
        for stream, kept in zip((1, 2), before, strict=True):
            os.dup2(kept, stream)
            os.close(kept)


@pytest.fixture(scope="module")
def pipeline(history: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Make a deployment whose owner's password is a mark, and a source that asks for one."""
    server = Deployment(tmp_path_factory.mktemp("server") / "server")
    folder = tmp_path_factory.mktemp("written")
    guard = Guard(history.url)
    try:
        server.deploy()
        mark = MARKS["database"]
        with psycopg.connect(server.url(admin=True), autocommit=True) as admin:
            admin.execute("SET log_statement = 'none'")
            admin.execute(
                "ALTER ROLE metrics_owner PASSWORD '" + mark.replace("'", "''") + "'"  # type: ignore[arg-type]
            )
        address = server.url().rpartition("@")[2]
        with guard.running() as port:
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "DATABASE_URL": f"postgresql://metrics_owner:{quote(mark, '')}@{address}",
                "DATASOURCE_URL": f"http://me:{quote(MARKS['source'], '')}@127.0.0.1:{port}",
                "DATASOURCE_ATTEMPTS": "1",
                "DAGSTER_HOME": str(folder / "dagster"),
                "PROMTSDB_STATE_DIR": str(folder / "state"),
                "TELEGRAF_PASSWORD": MARKS["telegraf"],
                "TELEGRAF_URL": _away("telegraf-url", "/write"),
                "TELEGRAF_METRICS_URL": _away("metrics-url", "/metrics"),
                "VMALERT_URL": _away("vmalert-url"),
                "POSTGREST_ADMIN_URL": _away("postgrest-url"),
                "API_URL": _away("api-url"),
                "NOTIFY_WEBHOOK_URL": _away("notify-url", "/hook"),
                "DAGSTER_PUBLIC_URL": _away("ui-url"),
                "SOURCE_URL": _away("code-url"),
                "JWT_SECRET": MARKS["key-of-tokens-which-is-long-enough"],
            }
            yield Pipeline(folder, guard, environment, server.log)
    finally:
        server.remove()


def _away(name: str, path: str = "") -> str:
    """Return the URL of a service that is not there."""
    return f"http://me:{quote(MARKS[name], '')}@127.0.0.1:{free_port()}{path}"


@pytest.fixture(autouse=True)
def no_leak(pipeline: Pipeline) -> Iterator[None]:
    """After each test, look at everything that was written until now."""
    pipeline.guard.mode = "pass"
    yield
    assert pipeline.leaks() == []


def test_every_variable_that_may_hold_a_secret_holds_a_mark(pipeline: Pipeline) -> None:
    """So that a new one is not forgotten here."""
    secret = {n for n, f in Settings.model_fields.items() if SecretStr in get_args(f.annotation)}
    urls = {name for name in Settings.model_fields if name.endswith("_url")}
    # A test sets the one instead of the URL's user and password; the other is the same as these.
    apart = {"DATASOURCE_BEARER_TOKEN", "DATASOURCE_PASSWORD"}
    marked = {
        name
        for name, value in pipeline.environment.items()
        if any(spelled in value.encode() for mark in MARKS.values() for spelled in spellings(mark))
    }
    assert marked == {name.upper() for name in secret | urls} - apart


def test_runs_that_go_well(pipeline: Pipeline) -> None:
    status, said = pipeline.backfill()
    assert (status, "rows written" in said) == (0, True), said
    basic = base64.b64encode(f"me:{MARKS['source']}".encode()).decode()
    assert f"Basic {basic}" in pipeline.guard.seen
    assert pipeline.run("refresh", *RANGE)[0] == 0
    assert list((pipeline.folder / "dagster").rglob("*.db")), "Dagster's files are looked at, too"


def test_a_source_that_repeats_what_it_was_sent(pipeline: Pipeline) -> None:
    pipeline.guard.mode = "echo"
    status, said = pipeline.backfill("--recheck")
    assert (status, "refused Basic ***" in said) == (1, True), said
    bare = pipeline.environment["DATASOURCE_URL"].rpartition("@")[2]
    token = quote(MARKS["bearer"], "")
    changed = {"DATASOURCE_URL": f"http://{bare}", "DATASOURCE_BEARER_TOKEN": token}
    status, said = pipeline.backfill("--recheck", **changed)
    assert (status, "refused Bearer ***" in said) == (1, True), said
    assert f"Bearer {token}" in pipeline.guard.seen
    # None of the other services answers.
    assert pipeline.run("health")[0] == 1


@pytest.mark.parametrize("wrong", ["password", "host", "port", "database", "scheme"])
def test_a_database_that_cannot_be_used(pipeline: Pipeline, wrong: str) -> None:
    url = pipeline.environment["DATABASE_URL"]
    host = url.rpartition("@")[2].partition("/")[0]
    changed = {
        "password": url.replace("m4rk", "m4rk%20m4rk"),
        "host": url.replace(host, "nowhere.invalid:5432"),
        "port": url.replace(host, f"127.0.0.1:{free_port()}"),
        "database": f"{url}_of_nobody",
        "scheme": url.replace("postgresql:", "mysql:"),
    }[wrong]
    status, said = pipeline.run("migrate", DATABASE_URL=changed)
    assert (status > 0, "DATABASE_URL" in said) == (True, True), said


def test_sql_that_fails(pipeline: Pipeline) -> None:
    """A run's error, with its traceback in Dagster's storage."""
    with psycopg.connect(pipeline.environment["DATABASE_URL"]) as owner:
        owner.execute("ALTER TABLE internal.backfill_ledger RENAME TO away")
    try:
        status, said = pipeline.backfill("--recheck")
    finally:
        with psycopg.connect(pipeline.environment["DATABASE_URL"]) as owner:
            owner.execute("ALTER TABLE internal.away RENAME TO backfill_ledger")
    assert (status, "backfill_ledger" in said) == (1, True), said


def test_a_token_is_printed_and_not_its_key(pipeline: Pipeline) -> None:
    status, said = pipeline.run("token")
    assert (status, said.count(".")) == (0, 2)
    status, said = pipeline.run("token", JWT_SECRET="m4rk short")
    assert (status, "m4rk" in said) == (2, False), said


def test_the_ui_shows_none(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What GraphQL says of resources and their configuration, assets, and all runs until now."""
    for name, value in pipeline.environment.items():
        monkeypatch.setenv(name, value)
    said = pipeline.folder / "graphql.json"
    command = [str(Path(sys.executable).with_name("dagster-graphql"))]
    done = subprocess.run(
        [*command, "-m", "promtsdb_dagster.definitions", "-t", QUESTION],
        cwd=ROOT, env=pipeline.environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    said.write_text(done.stdout + done.stderr)
    # The code server logs between.
    (line,) = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    answer = json.loads(line)["data"]
    assert answer["runsOrError"]["results"]
    (code,) = answer["repositoriesOrError"]["nodes"]
    assert code["assetNodes"]
    assert code["allTopLevelResourceDetails"] is not None


def test_files_that_hold_a_secret_are_their_owners_alone(pipeline: Pipeline) -> None:
    """The local stack's passwords; its folder keeps everybody else out as well."""
    home = pipeline.log.parent
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "passwords.json").stat().st_mode) == 0o600
    assert not (home / "initdb.password").exists()
