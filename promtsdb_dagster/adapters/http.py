"""What every HTTP client of the project does alike."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx

from promtsdb_dagster.errors import ConfigurationError, SourceRejected, SourceUnavailable

# A proxy that the environment names cannot reach what listens on this machine.
PAST_THE_PROXY: Mapping[str, None] = {
    "all://localhost": None,
    "all://127.0.0.1": None,
    "all://[::1]": None,
}
# A source that wants to be left alone for longer is for a later run.
_MOST_SECONDS = 60.0
LOOPBACK_HOSTS = frozenset(httpx.URL(pattern).host for pattern in PAST_THE_PROXY)


def source_url(text: str) -> httpx.URL:
    """Return DATASOURCE_URL; raise ConfigurationError when it is no base URL of a web server."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    # An unquoted / ? or # in a password makes the rest of it a path, which would be shown.
    odd = "@" in url.path or url.query or url.fragment or "%20" in url.host
    if url.scheme not in ("http", "https") or not url.host or odd:
        shown = re.sub(r"//.*@", "//...@", text)
        raise ConfigurationError(
            f"DATASOURCE_URL is {shown!r}, wanted http(s)://host:port, with a path prefix if "
            "Prometheus has one, and special characters of a password percent-encoded (@ is %40, "
            "# is %23, / is %2F); correct the variable"
        )
    return url


def unreachable(url: httpx.URL, error: httpx.TransportError) -> SourceUnavailable | SourceRejected:
    """Return what to raise for a server that could not be asked; waiting mends no certificate."""
    said = f"{url} did not answer: {type(error).__name__} {error}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return SourceRejected(
            f"{said}; wanted a certificate that this machine trusts; name its CA in "
            "DATASOURCE_CA_FILE, or set DATASOURCE_TLS_INSECURE=true where nobody listens in"
        )
    if "WRONG_VERSION_NUMBER" in str(error):
        return SourceRejected(f"{said}; wanted TLS; write http:// in DATASOURCE_URL")
    if isinstance(error, httpx.ProxyError):
        hint = "the proxy of the environment must let it through; correct it, or name the host in "
        return SourceUnavailable(f"{said}; {hint}NO_PROXY, then run again")
    return SourceUnavailable(
        f"{said}; wanted Prometheus' HTTP API; check DATASOURCE_URL and that the server runs, "
        "then run again"
    )


def tls(ca_file: Path | None, *, insecure: bool) -> ssl.SSLContext | bool:
    """Return what httpx takes as `verify`; raise ConfigurationError for an unusable CA file."""
    if insecure:
        return False
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"DATASOURCE_CA_FILE {str(ca_file)!r} cannot be used: {error}; wanted a PEM file"
        ) from error


class Busy(SourceUnavailable):
    """The source wants to be asked later, and may have said when."""

    def __init__(self, text: str, retry_after: str) -> None:
        super().__init__(text)
        self.seconds = min(float(retry_after), _MOST_SECONDS) if retry_after.isdecimal() else 0.0


def patience(error: Exception) -> bool | float:
    """Return whether to ask again, and after how long where the source has said it."""
    if isinstance(error, Busy) and error.seconds:
        return error.seconds
    return isinstance(error, SourceUnavailable)
