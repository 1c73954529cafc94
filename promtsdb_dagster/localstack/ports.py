"""Free ports on the loopback address."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"


def refusal(host: str, port: int) -> str | None:
    """Return why nobody can listen there, in the system's words; None when one can."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error.strerror
    return None


def free_port(preferred: int | None = None) -> int:
    """Return `preferred` when nothing holds it, else any free port."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the services do: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on the loopback address")


def free_ports(preferred: Mapping[str, int | None]) -> dict[str, int]:
    """Return a port for each name, no two the same; the preferred one when nothing holds it."""
    found: dict[str, int] = {}
    for name, wanted in preferred.items():
        port = free_port(wanted)
        while port in found.values():
            port = free_port()
        found[name] = port
    return found


def is_listening(url: str, timeout_seconds: float = 1.0) -> bool:
    """Say whether something accepts TCP connections at the URL's host and port."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout_seconds):
            return True
    except OSError:
        return False
