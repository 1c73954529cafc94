"""Keep the stack and the Dagster UI in the foreground."""

from __future__ import annotations

import signal
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path

import httpx
from rich.console import Console

from promtsdb_dagster.commands import daemon
from promtsdb_dagster.commands.environment import open_site
from promtsdb_dagster.commands.headless import migrate_site
from promtsdb_dagster.commands.home import end_orphans, open_instance, prepare_home
from promtsdb_dagster.commands.lock import only_daemon
from promtsdb_dagster.commands.welcome import print_addresses, print_lacking, print_steps
from promtsdb_dagster.errors import ConfigurationError, StackError
from promtsdb_dagster.localstack.ports import free_port, refusal
from promtsdb_dagster.localstack.processes import last_words
from promtsdb_dagster.settings import load_settings

_SECONDS_TO_START = 120.0


def up(console: Console, host: str, port: int, *, without_password: bool = False) -> None:
    """Run until Ctrl-C or SIGTERM, then stop everything in order.

    Raises ConfigurationError for a host that others reach, unless `without_password`, for a port
    that cannot be had, and while another command does the same.
    """
    if not _is_loopback(host) and not without_password:
        raise ConfigurationError(
            f"--host {host} shows the Dagster UI to everybody who reaches this machine, and it "
            "asks for no password: whoever opens it may start runs, stop them and wipe what they "
            "left; wanted a loopback address; reach it by `ssh -L`, put a proxy that asks for a "
            "password before it, or say --without-password"
        )
    home = prepare_home()
    # First of all: who has forgotten a first `make up` is to be told of that, not of its port.
    with only_daemon(home) as lock:
        if why := refusal(host, port):
            raise ConfigurationError(
                f"port {port} of {host} cannot be had for the Dagster UI: {why}; stop what holds "
                f"it, or choose another: make up PORT={free_port(max(port, 3030) % 65535 + 1)}"
            )
        with open_site(console, ask=False) as site:
            with open_instance() as instance:
                end_orphans(instance)
                migrate_site(console, site, instance)
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            log = load_settings().promtsdb_state_dir / "logs" / "dagster.log"
            command = ["dagster", "dev", "-w", "workspace.yaml", "-h", host, "-p", str(port)]
            console.print(f"the Dagster UI starts; its log is {log}", soft_wrap=True)
            with daemon.running(command, lock, log, url) as process:
                _wait_ready(process, f"{url}/server_info", log)
                print_lacking(console, site)
                print_addresses(console, site, url, log.parent)
                print_steps(console, site, url)
                try:
                    process.wait()
                except KeyboardInterrupt:
                    console.print("\nstopping everything, a moment")
                    return
                if process.returncode not in (0, -signal.SIGTERM):
                    raise StackError(
                        f"dagster dev ended with status {process.returncode}; its last words: "
                        f"{last_words(log)}; mend what they name, then `make up` again"
                    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StackError(
                f"dagster dev ended with status {process.returncode} while starting; its last "
                f"words: {last_words(log)}; mend what they name, then `make up` again"
            )
        try:
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.25)
    raise StackError(
        f"{url} did not answer within {_SECONDS_TO_START:.0f} s; its last words: {last_words(log)}"
    )
