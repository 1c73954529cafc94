"""The source's certificate is verified, unless its user says otherwise."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import SourceRejected
from tests.doubles.scripted_http import Answer, scripted

HOUR = timedelta(hours=1)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)
WINDOW = Window(NEW_YEAR, NEW_YEAR + HOUR)


@dataclass(frozen=True)
class SecureServer:
    """Where it answers, and the certificate that it shows."""

    url: str
    certificate: Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SecureServer]:
    """Serve an empty answer over TLS with a certificate that nobody else trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on the PATH: no certificate was made")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with scripted(Answer(), tls=context) as plain:
        yield SecureServer(f"https://localhost:{plain.server_address[1]}", certificate)


def test_an_unknown_certificate_is_refused(server: SecureServer) -> None:
    with (
        Prometheus(server.url, attempts=1) as source,
        pytest.raises(SourceRejected, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        source.query_range("up", WINDOW, HOUR)


def test_a_certificate_of_the_given_ca_is_taken(server: SecureServer) -> None:
    with Prometheus(server.url, attempts=1, ca_file=server.certificate) as source:
        assert source.query_range("up", WINDOW, HOUR) == []


def test_insecure_takes_every_certificate(server: SecureServer) -> None:
    with Prometheus(server.url, attempts=1, tls_insecure=True) as source:
        assert source.query_range("up", WINDOW, HOUR) == []
