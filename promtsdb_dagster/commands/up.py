"""Keep the stack and the Dagster UI in the foreground."""

from __future__ import annotations

import signal
import subprocess
import time
from ipaddress import ip_address

import httpx
from rich.console import Console

from promtsdb_dagster.commands import daemon
from promtsdb_dagster.commands.environment import Site, open_site
from promtsdb_dagster.commands.headless import migrate_site
from promtsdb_dagster.commands.home import end_orphans, open_instance, prepare_home
from promtsdb_dagster.commands.lock import only_daemon
from promtsdb_dagster.errors import ConfigurationError, StackError
from promtsdb_dagster.localstack.ports import free_port

_SECONDS_TO_START = 120.0


def up(console: Console, host: str, port: int, *, without_password: bool = False) -> None:
    """Run until Ctrl-C or SIGTERM, then stop everything in order.

    Raises ConfigurationError for a host that others reach, unless `without_password`.
    """
    if not _is_loopback(host) and not without_password:
        raise ConfigurationError(
            f"--host {host} shows the Dagster UI to everybody who reaches this machine, and it "
            "asks for no password: whoever opens it may start runs, stop them and wipe what they "
            "left; wanted a loopback address; reach it by `ssh -L`, put a proxy that asks for a "
            "password before it, or say --without-password"
        )
    if free_port(port) != port:
        raise ConfigurationError(
            f"port {port} is in use, wanted it for the Dagster UI; stop what holds it, or choose "
            "another: make up PORT=3031"
        )
    home = prepare_home()
    with open_site(console) as site, only_daemon(home) as lock:
        with open_instance() as instance:
            end_orphans(instance)
            migrate_site(console, site, instance)
        command = ["dagster", "dev", "-w", "workspace.yaml", "-h", host, "-p", str(port)]
        with daemon.running(command, lock, log=None) as process:
            _wait_ready(process, f"http://{host}:{port}/server_info")
            _print_addresses(console, site, f"http://{host}:{port}")
            try:
                process.wait()
            except KeyboardInterrupt:
                console.print("\nstopping everything, a moment")
                return
            if process.returncode not in (0, -signal.SIGTERM):
                raise StackError(
                    f"dagster dev ended with status {process.returncode}; its words are above"
                )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wait_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StackError(
                f"dagster dev ended with status {process.returncode} while starting; "
                "its words are above"
            )
        try:
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.25)
    raise StackError(f"{url} did not answer within {_SECONDS_TO_START:.0f} s; its words are above")


def _print_addresses(console: Console, site: Site, dagster_url: str) -> None:
    settings = site.settings
    console.print(f"\nDagster     {dagster_url}", highlight=False)
    for name, url in (
        ("the API", settings.api_url),
        ("Prometheus", settings.datasource_url),
        ("vmalert", settings.vmalert_url),
        ("Telegraf", settings.telegraf_metrics_url),
    ):
        if url:
            shown = httpx.URL(url).copy_with(userinfo=b"")
            console.print(f"{name:<12}{shown}", highlight=False)
    for sentence in site.lacking:
        console.print(f"- {sentence}", markup=False, highlight=False)
    console.print("Ctrl-C stops everything\n")
