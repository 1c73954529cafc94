"""The local stack: PostgreSQL, sample exporter, Prometheus and vmalert as processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.ports import LOOPBACK, free_port
from promtsdb_dagster.localstack.processes import Identity, identity, stop
from promtsdb_dagster.localstack.services import Services
from promtsdb_dagster.localstack.signals import deaf_to_signals, ending_on_signals
from promtsdb_dagster.localstack.state import Running, State, locked

_LOCK_PATIENCE_SECONDS = 300.0
_PORT_ATTEMPTS = 3


@dataclass(frozen=True)
class Options:
    """How the stack differs from the usual one; tests use it."""

    pg_bindir: Path | None = None
    rules_dir: Path | None = None
    timescaledb: bool | None = None
    telegraf_url: str = "http://localhost:9273/write"
    history_days: float = 64
    history_seed: int = 7


@dataclass(frozen=True)
class Endpoints:
    """Where the services answer. `admin_database_url` is the superuser's: tests and tools only."""

    database_url: str
    admin_database_url: str
    datasource_url: str
    exporter_url: str
    vmalert_url: str | None
    engine: str
    skipped: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """Return the variables of `.env.example` that point to this stack."""
        variables = {"DATABASE_URL": self.database_url, "DATASOURCE_URL": self.datasource_url}
        if self.vmalert_url:
            variables["VMALERT_URL"] = self.vmalert_url
        return variables


@dataclass(frozen=True)
class ServiceStatus:
    """What is known of one service."""

    name: str
    running: bool
    answers: bool
    port: int | None
    pid: int | None


class LocalStack:
    """Start, find, use and stop the services whose data lives in `state_dir`."""

    def __init__(
        self,
        state_dir: Path,
        root: Path,
        *,
        options: Options | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Keep the paths; nothing is touched before `start` or `running`."""
        self._options = options or Options()
        self._folder = state_dir.absolute()
        self._report = report
        self._services = Services(self._folder, root, self._options)

    @contextlib.contextmanager
    def running(self) -> Iterator[Endpoints]:
        """Give the running services; stop them at the end unless somebody else uses them.

        Ctrl-C, SIGTERM and SIGHUP end the body and then stop the services in order.
        """
        me = identity(os.getpid())
        if me is None:  # pragma: no cover
            raise StackError("this process cannot find itself in the process table")
        with ending_on_signals():
            try:
                yield self._bring_up(user=me)
            finally:
                with deaf_to_signals():
                    self._leave(me)

    def start(self) -> Endpoints:
        """Start what does not run yet and leave it running until `stop`; safe to repeat."""
        return self._bring_up(user=None)

    def stop(self) -> list[str]:
        """Stop every service of this stack, whoever started it; return the names of those."""
        with self._locked(), deaf_to_signals():
            return self._stop_all(State.load(self._state_file))

    def remove(self) -> None:
        """Stop everything and delete its data: database, sample history, logs."""
        with self._locked(), deaf_to_signals():
            self._stop_all(State.load(self._state_file))
            # As root the cluster may lie behind a link, outside of the state folder.
            shutil.rmtree((self._folder / "postgres").resolve(), ignore_errors=True)
            (self._folder / "postgres").unlink(missing_ok=True)
            for name in ("prometheus", "vmalert", "logs"):
                shutil.rmtree(self._folder / name, ignore_errors=True)

    def status(self) -> list[ServiceStatus]:
        """Ask every service whether it answers, without changing anything."""
        state = State.load(self._state_file)
        report = []
        for name in self._services.names:
            running = state.services.get(name)
            here = state.is_running(name)
            report.append(
                ServiceStatus(
                    name,
                    here,
                    bool(here and running and self._services.answers(name, running.port)),
                    running.port if running else None,
                    running.process.pid if running else None,
                )
            )
        return report

    def endpoints(self) -> Endpoints | None:
        """Return where the running stack answers; None when it does not run."""
        state = State.load(self._state_file)
        needed = ("postgres", "exporter", "prometheus")
        return self._endpoints(state) if all(map(state.is_running, needed)) else None

    def _bring_up(self, user: Identity | None) -> Endpoints:
        with self._locked():
            state = State.load(self._state_file)
            state.forget_dead_users()
            in_use = state.in_use
            if user:
                state.users.append(user)
            try:
                self._services.prepare(
                    HistoryPlan(
                        now=int(time.time()),
                        days=self._options.history_days,
                        seed=self._options.history_seed,
                    ),
                    self._report,
                )
                state.skipped = self._services.skipped()
                for name in self._services.wanted():
                    self._ensure(name, state)
                state.detached = state.detached or user is None
                state.save(self._state_file)
            except BaseException:
                # What others use stays; `_leave` does the same for the user of `running`.
                if not in_use:
                    with deaf_to_signals():
                        self._stop_all(state)
                raise
            return self._endpoints(state)

    def _ensure(self, name: str, state: State) -> None:
        """Keep a service that runs and answers, start it otherwise."""
        before = state.services.get(name)
        if before and state.is_running(name):
            if self._services.answers(name, before.port):
                return
            stop(before.process, self._services.stop_signals(name))
        began = time.monotonic()
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            # The port of before keeps the addresses that other users of the stack hold.
            port = free_port(before.port if before and attempt == 1 else None)
            ports = {each: running.port for each, running in state.services.items()}
            try:
                process = self._services.start(name, port, ports)
                break
            except StackError as error:
                # Another program may take the port between our look and the service's.
                if attempt == _PORT_ATTEMPTS or "in use" not in str(error):
                    raise
        state.services[name] = Running(process, port)
        state.save(self._state_file)
        self._report(f"{name} answers on {LOOPBACK}:{port} ({time.monotonic() - began:.1f} s)")

    def _leave(self, user: Identity) -> None:
        with self._locked():
            state = State.load(self._state_file)
            if user in state.users:
                state.users.remove(user)
            state.forget_dead_users()
            if state.in_use:
                state.save(self._state_file)
            elif state.services:
                self._stop_all(state)

    def _stop_all(self, state: State) -> list[str]:
        stopped = []
        for name in reversed(self._services.names):
            found = set(self._services.leftovers(name))
            if state.is_running(name):
                found.add(state.services[name].process)
            for process in found:
                stop(process, self._services.stop_signals(name))
                stopped.append(name)
                self._report(f"{name} stopped")
        self._state_file.unlink(missing_ok=True)
        return stopped

    def _endpoints(self, state: State) -> Endpoints:
        ports = {name: running.port for name, running in state.services.items()}
        vmalert = ports.get("vmalert") if state.is_running("vmalert") else None
        cluster = self._services.postgres
        return Endpoints(
            cluster.url(ports["postgres"]),
            cluster.url(ports["postgres"], admin=True),
            f"http://{LOOPBACK}:{ports['prometheus']}",
            f"http://{LOOPBACK}:{ports['exporter']}",
            f"http://{LOOPBACK}:{vmalert}" if vmalert else None,
            "timescaledb" if cluster.has_timescaledb() else "postgresql",
            tuple(state.skipped),
        )

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return locked(self._folder / "lock", _LOCK_PATIENCE_SECONDS)

    @property
    def _state_file(self) -> Path:
        return self._folder / "state.json"
