"""Ask every service the question that matters to its users."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from promtsdb_dagster.adapters.discretion import Discretion
from promtsdb_dagster.adapters.http import tls
from promtsdb_dagster.core.shown import shortened
from promtsdb_dagster.errors import ConfigurationError

_TIMEOUT_SECONDS = 10.0
_ALLOWED_CLOCK_SECONDS = 60.0
# Servers before 1.79 have the rules under the second path only.
_VMALERT_PATHS = ("api/v1/rules", "api/v1/groups")
# One line an output; internal_agent_... adds them up.
_TELEGRAF_OUTPUTS = "internal_write_"
_VARIABLES = {
    "prometheus": "DATASOURCE_URL",
    "vmalert": "VMALERT_URL",
    "telegraf": "TELEGRAF_METRICS_URL",
    "postgrest": "POSTGREST_ADMIN_URL",
    "caddy": "API_URL",
}

Fact = str | int | float | bool


@dataclass(frozen=True)
class Health:
    """Hold the answer of one service; `configured` is false when there is nothing to ask."""

    healthy: bool
    text: str
    configured: bool = True
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoints:
    """Hold where the services are; None means that this installation has none."""

    prometheus: str | None = None
    vmalert: str | None = None
    telegraf: str | None = None
    postgrest: str | None = None
    caddy: str | None = None
    prometheus_auth: tuple[str, str] | None = None
    prometheus_token: str | None = None
    prometheus_ca_file: Path | None = None
    prometheus_insecure: bool = False


class Services:
    """Ask the services of one installation; never raises for what a service does."""

    def __init__(self, endpoints: Endpoints, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._endpoints = endpoints
        self._timeout = timeout_seconds
        self._discretion = Discretion(
            endpoints.prometheus_token,
            urls=tuple(each for each in vars(endpoints).values() if isinstance(each, str)),
            login=endpoints.prometheus_auth,
        )

    def health(self, service: str) -> Health:
        """Return how a service is, by its name among the endpoints."""
        found = self._health(service)
        return replace(found, text=self._discretion.hide(found.text))

    def _health(self, service: str) -> Health:
        url: str | None = getattr(self._endpoints, service)
        if url is None:
            text = f"not configured; {_VARIABLES[service]} says where it is"
            return Health(True, text, configured=False)
        questions: dict[str, Callable[[httpx.Client], Health]] = {
            "prometheus": self._prometheus,
            "vmalert": self._vmalert,
            "telegraf": self._telegraf,
            "postgrest": self._postgrest,
            "caddy": self._caddy,
        }
        try:
            with self._client(service, url) as client:
                return questions[service](client)
        except (_Unwell, ConfigurationError) as problem:
            return Health(False, f"{service}: {problem}")
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as problem:
            shape = f"JSON of another shape ({shortened(f'{type(problem).__name__}: {problem}')})"
            return Health(False, f"{service} answers {shape}, wanted its own; check its URL")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            return Health(
                False,
                f"{service} does not answer: {type(problem).__name__}: {problem}; "
                "wanted an answer; check that it runs and that its URL is right",
            )

    def _client(self, service: str, url: str) -> httpx.Client:
        options: dict[str, Any] = {}
        if service == "prometheus":
            options["verify"] = tls(
                self._endpoints.prometheus_ca_file, insecure=self._endpoints.prometheus_insecure
            )
            if self._endpoints.prometheus_token:
                options["headers"] = {"Authorization": f"Bearer {self._endpoints.prometheus_token}"}
            elif self._endpoints.prometheus_auth:
                options["auth"] = self._endpoints.prometheus_auth
        # trust_env off: a proxy for the internet must not be asked for a service next door.
        return httpx.Client(
            base_url=url.rstrip("/") + "/",
            timeout=self._timeout,
            follow_redirects=True,
            trust_env=False,
            **options,
        )

    def _prometheus(self, client: httpx.Client) -> Health:
        ready = client.get("-/ready")
        # VictoriaMetrics knows /health only; a server without either must still answer a query.
        if ready.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise _Unwell(f"not ready yet: {_excerpt(ready)}")
        # One question for two answers: that it evaluates, and what its clock says.
        response = _ok(client.get("api/v1/query", params={"query": "vector(1)"}))
        skew = _skew_seconds(response)
        if not abs(skew) <= _ALLOWED_CLOCK_SECONDS:
            raise _Unwell(
                f"its clock is {skew:+.0f} s from ours, wanted at most "
                f"{_ALLOWED_CLOCK_SECONDS:.0f} s; set both by NTP"
            )
        series = (
            _json(_ok(client.get("api/v1/query", params={"query": "count({__name__!=''})"})))
            .get("data", {})
            .get("result")
        )
        count = int(float(series[0]["value"][1])) if series else 0
        return Health(
            True,
            f"answers queries; {count:,} series have a sample now",
            facts={"series": count, "clock_difference_seconds": round(skew, 1)},
        )

    def _vmalert(self, client: httpx.Client) -> Health:
        groups = self._vmalert_groups(client)
        rules = [(group, rule) for group in groups for rule in group.get("rules") or []]
        if not rules:
            raise _Unwell("no rule is loaded, wanted those of live.yaml; check its -rule flag")
        broken = [
            f"{shortened(str(rule.get('name')))}: {shortened(str(error), 500)}"
            for _, rule in rules
            if (error := rule.get("lastError") or rule.get("last_error"))
        ]
        if broken:
            raise _Unwell(
                f"{len(broken)} of {len(rules)} rules fail, the first: {broken[0]}; "
                "try the expression on the source"
            )
        return Health(
            True,
            f"{len(rules)} rules in {len(groups)} groups, none fails",
            facts={"groups": len(groups), "rules": len(rules)},
        )

    def _vmalert_groups(self, client: httpx.Client) -> list[dict[str, Any]]:
        for path in _VMALERT_PATHS:
            response = client.get(path)
            if response.status_code == httpx.codes.OK:
                return list(_json(response).get("data", {}).get("groups") or [])
        _ok(response)
        return []

    def _telegraf(self, client: httpx.Client) -> Health:
        # The URL may be given with the page's path or without. Telegraf answers 200 to any other
        # path, a slash at the end of this one included.
        base = client.base_url
        page = base.path.rstrip("/") or "/metrics"
        text = _ok(client.get(base.copy_with(path=page))).text
        lines = [line for line in text.splitlines() if line.startswith(_TELEGRAF_OUTPUTS)]
        if not any("metrics_written" in line for line in lines):
            raise _Unwell(
                f"{page} says nothing of what was written: {text[:60]!r}, wanted Telegraf's own "
                "metrics; check TELEGRAF_METRICS_URL"
            )
        # The page itself is an output as well; what it shows is not written anywhere.
        outputs = [line for line in lines if 'output="prometheus_client"' not in line]
        dropped = sum(_value(line) for line in outputs if "metrics_dropped" in line)
        written = sum(_value(line) for line in outputs if "metrics_written" in line)
        if dropped > 0:
            raise _Unwell(f"dropped {dropped:.0f} metrics since its start; look into its log")
        return Health(
            True,
            f"wrote {written:.0f} metrics since its start, dropped none",
            facts={"metrics_written": written, "metrics_dropped": dropped},
        )

    def _postgrest(self, client: httpx.Client) -> Health:
        response = client.get("ready")
        if response.status_code != httpx.codes.OK:
            raise _Unwell(
                f"not ready: HTTP {response.status_code}; wanted a connection to the database and "
                "a loaded schema cache; look into its log"
            )
        return Health(True, "connected, schema cache loaded")

    def _caddy(self, client: httpx.Client) -> Health:
        response = _ok(client.get(""))
        return Health(
            True,
            f"the API answers through it in {response.elapsed.total_seconds() * 1000:.0f} ms",
            facts={"milliseconds": round(response.elapsed.total_seconds() * 1000, 1)},
        )


class _Unwell(Exception):
    """The service answers, but not what it should."""


def _ok(response: httpx.Response) -> httpx.Response:
    if response.status_code != httpx.codes.OK:
        raise _Unwell(
            f"GET {response.url.path} gave HTTP {response.status_code}: {_excerpt(response)}, "
            "wanted 200; check its URL and credentials"
        )
    return response


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _Unwell(
            f"GET {response.url.path} gave {_excerpt(response)}, wanted JSON; check its URL"
        )
    return body


def _excerpt(response: httpx.Response) -> str:
    text = " ".join(response.text.split())
    return repr(text[:120])


def _skew_seconds(response: httpx.Response) -> float:
    """Return the server's clock, the instant at which it evaluated `vector(1)`, minus ours."""
    result = _json(response).get("data", {}).get("result")
    try:
        return float(result[0]["value"][0]) - time.time()
    except (TypeError, ValueError, IndexError, KeyError):
        raise _Unwell(f"vector(1) gave {_excerpt(response)}, wanted one sample") from None


def _value(line: str) -> float:
    """Return the value of one line of the text format; `name{labels} value [timestamp]`."""
    rest = line.rsplit("}", 1)[-1].split()
    words = rest if "}" in line else rest[1:]
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        return 0.0
    return value if math.isfinite(value) else 0.0
