"""vmalert's replay as a container, started by dagster-docker's Pipes client."""

import uuid
from threading import Thread
from typing import Any

import dagster as dg
import docker.client
from dagster_docker import PipesDockerClient, PipesDockerLogsMessageReader
from dagster_pipes import PIPES_PROTOCOL_VERSION, DagsterPipesError
from docker.errors import DockerException
from docker.types import EndpointConfig
from urllib3.exceptions import HTTPError

from promtsdb_dagster.adapters.replay import (
    CA_FILE,
    LONGEST_SECONDS,
    RULES_FILE,
    ReplayCommand,
    ReplayContainer,
)
from promtsdb_dagster.core.replaying import Ending, Job
from promtsdb_dagster.errors import ConfigurationError, StoreError

_FOLDER = "/tmp"  # noqa: S108 - the container's own, in memory
_VARIABLES = {RULES_FILE: "REPLAY_RULES", CA_FILE: "REPLAY_CA"}
# The files come as variables: this process may itself be in a container, whose folders the
# engine does not know.
_SCRIPT = "; ".join(
    [
        *(
            f'[ -z "${variable}" ] || printf %s "${variable}" > {_FOLDER}/{name}'
            for name, variable in _VARIABLES.items()
        ),
        'exec /vmalert-prod "$@"',
    ]
)
# The kernel takes no longer string as a variable.
_MOST_BYTES = 128 * 1024 - 64
_MOST_LOG = 8_192
# The client lets errors of its own libraries pass; those of requests are OSErrors.
_ENGINE_ERRORS = (DockerException, HTTPError, OSError)


class ContainerReplayer:
    """Start a container for each job and wait for its end."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        command: ReplayCommand,
        container: ReplayContainer,
        *,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._context = context
        self._command = command
        self._container = container
        self._longest = longest_seconds

    def replay(self, job: Job) -> Ending:
        """Replay a job to its end, at most `longest_seconds`. Safe to repeat.

        Raises ConfigurationError when the engine is out of reach or cannot run the image.
        """
        log = _VmalertLog(self._longest)
        name = f"promtsdb-replay-{uuid.uuid4().hex[:12]}"
        try:
            PipesDockerClient(message_reader=log).run(
                context=self._context.op_execution_context,
                image=self._container.image,
                command=["vmalert", *self._command.arguments(job, _FOLDER)],
                env=self._environment(job),
                container_kwargs={**self._options(), "name": name},
            )
        except DagsterPipesError as error:
            how, good = f"failed: {error}", False
        except _TooLong:
            how, good = f"was ended after {self._longest:.0f} s", False
        except _ENGINE_ERRORS as error:
            if log.started:
                # vmalert may have sent everything: the rows say so, not the engine.
                how = f"was lost, as the Docker engine did not answer: {error}"
                return Ending(how, False, self._command.last_words(log.text))
            raise ConfigurationError(
                f"the container of {self._container.image} cannot be run: {error}, wanted a "
                "Docker engine that this process may ask; mount its socket as "
                "docker/compose.docker-launcher.yaml does, or unset REPLAY_IMAGE to replay with "
                "a process"
            ) from error
        else:
            how, good = "ended with status 0", True
        finally:
            _remove(name)
        return Ending(how, good, self._command.last_words(log.text))

    def _environment(self, job: Job) -> dict[str, str]:
        files = {_VARIABLES[name]: text for name, text in self._command.files(job).items()}
        for variable, text in files.items():
            if len(text.encode()) > _MOST_BYTES:
                raise StoreError(
                    f"{variable} of {job} has {len(text.encode())} bytes, wanted at most "
                    f"{_MOST_BYTES} for a container; unset REPLAY_IMAGE to replay with a process"
                )
        return {**self._command.environment(), **files}

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "entrypoint": ["/bin/sh", "-c", _SCRIPT],
            "user": "65534:65534",
            "read_only": True,
            "tmpfs": {_FOLDER: ""},
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "mem_limit": "512m",
            # A Prometheus on the host itself is http://host.docker.internal:9090.
            "extra_hosts": {"host.docker.internal": "host-gateway"},
            "labels": {"promtsdb": "replay"},
        }
        if self._container.networks:
            options["network"] = self._container.networks[0]
        if len(self._container.networks) > 1:
            # Several at once need Docker Engine 25.
            options["networking_config"] = {
                network: EndpointConfig(version="1.44") for network in self._container.networks
            }
        return options


class _TooLong(Exception):
    """The container runs longer than it may."""


class _VmalertLog(PipesDockerLogsMessageReader):
    """Keep the end of what vmalert says, which is no message of Pipes."""

    def __init__(self, longest_seconds: float) -> None:
        self.text = ""
        self.started = False
        self._longest = longest_seconds
        self._error: BaseException | None = None

    @property
    def expected_writer_count(self) -> int:
        """Return 1; asked for it, the base warns that it may change."""
        return 1

    def consume_docker_logs(self, container: Any) -> None:
        """Follow the log until the container ends; the client stops it when this raises."""
        self.started = True
        # Else the client warns that a process which knows nothing of Pipes did not greet it.
        self._tell("opened", {"extras": {}})
        # Neither of the engine's answers has an end of its own, so a thread waits for them.
        follower = Thread(target=self._follow, args=[container], daemon=True)
        follower.start()
        follower.join(self._longest)
        if follower.is_alive():
            raise _TooLong
        if self._error:
            raise self._error
        self._tell("closed")

    def _follow(self, container: Any) -> None:
        try:
            for chunk in container.logs(stdout=True, stderr=True, stream=True, follow=True):
                more = chunk.decode(errors="replace") if isinstance(chunk, bytes) else str(chunk)
                # A chunk is no line.
                self.text = (self.text + more)[-_MOST_LOG:]
            # A log that ends is no container that ended.
            container.wait()
        except Exception as error:
            self._error = error

    def _tell(self, method: str, params: dict[str, Any] | None = None) -> None:
        self._handler.handle_message(
            {"__dagster_pipes_version": PIPES_PROTOCOL_VERSION, "method": method, "params": params}
        )


def _remove(name: str) -> None:
    """Remove a container; not by auto_remove, which races with the question for its status."""
    try:
        docker.client.from_env().containers.get(name).remove(force=True)
    except _ENGINE_ERRORS:
        # It was never made, or the engine is out of reach, which the caller says better.
        return
