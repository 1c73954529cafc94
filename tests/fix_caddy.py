"""Fixtures: the real Caddy on the shipped configuration, and a tiny server to stand behind it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import ROOT
from tests.fix_postgrest import running

CADDYFILE = ROOT / "docker" / "caddy" / "Caddyfile"


@dataclass
class Upstream:
    """A server that remembers what it was asked."""

    port: int
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    """Answer everything: with 5xx where the path says so, else with a long text as JSON."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "inside/1"

        def answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            upstream.asked.append((self.command, self.path, headers))
            self.rfile.read(int(headers.get("content-length", 0)))
            broken = "broken" in self.path
            text = "no connection to db.inside as owner" if broken else "long " * 1000
            body = json.dumps({"message": text}).encode()
            self.send_response(503 if broken else 200)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Access-Control-Allow-Origin", "https://somebody.example")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    upstream = Upstream(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Door:
    """A running Caddy."""

    port: int

    def ask(
        self, method: str, path: str, client: str = "127.0.0.1", **options: Any
    ) -> httpx.Response:
        """Send one request from an address of this machine."""
        transport = httpx.HTTPTransport(local_address=client)
        with httpx.Client(transport=transport, timeout=60) as session:
            return session.request(method, f"http://127.0.0.1:{self.port}{path}", **options)

    def get(self, path: str, client: str = "127.0.0.1", **options: Any) -> httpx.Response:
        """Send one GET."""
        return self.ask("GET", path, client, **options)

    def refuses(self, method: str, path: str, client: str, **options: Any) -> httpx.Response:
        """Send the same until it is too often; fail when it never is."""
        for _ in range(100):
            answer = self.ask(method, path, client, **options)
            if answer.status_code == 429:
                return answer
            assert answer.status_code == 200, answer.text
        pytest.fail(f"100 times {method} {path} were not too often")


@pytest.fixture(scope="session")
def caddy() -> Path:
    """Find Caddy with the rate limiter, or skip and say how to get it."""
    found = find_program("caddy")
    if found is None:
        pytest.skip("Caddy is not there; `make tools` builds it where Go is installed")
    listed = subprocess.run(
        [str(found), "list-modules"], capture_output=True, text=True, check=True
    )
    if "http.handlers.rate_limit" not in listed.stdout:
        pytest.skip(f"{found} has no rate limiter; `make tools` builds one that has")
    return found


@contextmanager
def running_caddy(program: Path, folder: Path, upstream: int, **settings: str) -> Iterator[Door]:
    """Run the shipped configuration in front of a port."""
    port = free_port()
    environment = {
        "API_LISTEN": f":{port}",
        "API_BIND": "127.0.0.1",
        "POSTGREST_URL": f"http://127.0.0.1:{upstream}",
        **settings,
    }
    command = [str(program), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    with running(command, environment, f"http://127.0.0.1:{port}/", folder / "caddy.log"):
        yield Door(port)


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[Upstream]:
    """Run one server for all tests of the module."""
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    """Lend it without memories."""
    shared_upstream.asked.clear()
    return shared_upstream


@pytest.fixture(scope="module")
def door(
    caddy: Path, shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    """Run one door with the limits that it ships with."""
    with running_caddy(caddy, tmp_path_factory.mktemp("caddy"), shared_upstream.port) as found:
        yield found
