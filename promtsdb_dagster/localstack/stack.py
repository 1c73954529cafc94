"""The local stack: every service of the pipeline that is installed, as processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.endpoints import Endpoints
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.ports import LOOPBACK, free_ports
from promtsdb_dagster.localstack.postgrest import ADMIN
from promtsdb_dagster.localstack.processes import Identity, identity, stop
from promtsdb_dagster.localstack.service import Service
from promtsdb_dagster.localstack.services import Options, Services
from promtsdb_dagster.localstack.signals import deaf_to_signals, ending_on_signals
from promtsdb_dagster.localstack.state import Running, State, locked
from promtsdb_dagster.localstack.telegraf import METRICS, USERNAME

_LOCK_PATIENCE_SECONDS = 300.0
_PORT_ATTEMPTS = 3


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
            for name in (*self._services.all, "logs"):
                shutil.rmtree(self._folder / name, ignore_errors=True)
            self._services.secrets.path.unlink(missing_ok=True)

    def status(self) -> list[ServiceStatus]:
        """Ask every service whether it answers, without changing anything."""
        state = State.load(self._state_file)
        report = []
        for name, service in self._services.all.items():
            running = state.services.get(name)
            here = state.is_running(name)
            report.append(
                ServiceStatus(
                    name,
                    here,
                    bool(here and running and service.answers(running.port)),
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
                wanted = [service.name for service in self._services.wanted()]
                # Who starts first may have to say where a later one will answer.
                promised = free_ports(dict.fromkeys(set(wanted) - set(state.services)))
                for service in self._services.wanted():
                    self._ensure(service, state, {**promised, **state.ports(wanted)})
                state.detached = state.detached or user is None
                state.save(self._state_file)
            except BaseException:
                # What others use stays; `_leave` does the same for the user of `running`.
                if not in_use:
                    with deaf_to_signals():
                        self._stop_all(state)
                raise
            return self._endpoints(state)

    def _ensure(self, service: Service, state: State, ports: Mapping[str, int]) -> None:
        """Keep a service that runs, answers and knows the right ports; start it otherwise."""
        before = state.services.get(service.name)
        told = {name: ports[name] for name in service.uses if name in ports}
        if before and state.is_running(service.name):
            if before.told == told and service.answers(before.port):
                return
            stop(before.process, service.stop_signals)
        began = time.monotonic()
        names = (service.name, *service.more_ports)
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            # The ports of before keep the addresses that other users of the stack hold.
            kept = ports if attempt == 1 else {}
            own = free_ports({name: kept.get(name) for name in names})
            try:
                process = service.start(own[service.name], {**ports, **own})
                break
            except StackError as error:
                # Another program may take the port between our look and the service's.
                if attempt == _PORT_ATTEMPTS or "in use" not in str(error):
                    raise
        port = own.pop(service.name)
        state.services[service.name] = Running(process, port, own, told)
        state.save(self._state_file)
        took = f"({time.monotonic() - began:.1f} s)"
        self._report(f"{service.name} answers on {LOOPBACK}:{port} {took}")

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
        for name, service in reversed(self._services.all.items()):
            found = set(service.leftovers())
            if state.is_running(name):
                found.add(state.services[name].process)
            for process in found:
                stop(process, service.stop_signals)
                stopped.append(name)
                self._report(f"{name} stopped")
        self._state_file.unlink(missing_ok=True)
        return stopped

    def _endpoints(self, state: State) -> Endpoints:
        ports = state.ports([name for name in self._services.all if state.is_running(name)])
        urls = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
        cluster, secrets = self._services.postgres, self._services.secrets.read()
        telegraf = "telegraf" in urls
        return Endpoints(
            database_url=cluster.url(ports["postgres"]),
            admin_database_url=cluster.url(ports["postgres"], admin=True),
            datasource_url=urls["prometheus"],
            exporter_url=urls["exporter"],
            engine="timescaledb" if cluster.has_timescaledb() else "postgresql",
            skipped=tuple(state.skipped),
            vmalert_url=urls.get("vmalert"),
            telegraf_url=f"{urls['telegraf']}/write" if telegraf else None,
            telegraf_username=USERNAME if telegraf else None,
            telegraf_password=secrets.telegraf if telegraf else None,
            telegraf_metrics_url=f"{urls[METRICS]}/metrics" if telegraf else None,
            postgrest_url=urls.get("postgrest"),
            postgrest_admin_url=urls.get(ADMIN),
            api_url=urls.get("caddy"),
            jwt_secret=secrets.jwt,
        )

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return locked(self._folder / "lock", _LOCK_PATIENCE_SECONDS)

    @property
    def _state_file(self) -> Path:
        return self._folder / "state.json"
