"""Judge what Prometheus answers: the series, or the error that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from promtsdb_dagster.adapters.http import Busy
from promtsdb_dagster.core.shown import shortened, shown
from promtsdb_dagster.errors import SourceIncomplete, SourceRejected, SourceTooLarge

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


def parse_json(body: bytes, response: httpx.Response) -> Any:
    """Return the document; raise SourceIncomplete where a good answer is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if response.is_success:
            kind = response.headers.get("content-type", "no content type")
            raise SourceIncomplete(
                f"{response.url} answered {response.status_code} with {kind} that is not JSON "
                f"({error}): {excerpt(body)}; is DATASOURCE_URL the base URL of a Prometheus, not "
                "of Grafana or of a login page before it?"
            ) from error
        return {"error": excerpt(body)}


def raise_for_status(response: httpx.Response, answer: Any, form: Mapping[str, str]) -> None:
    """Raise the SourceError that a status other than 200 stands for."""
    status = response.status_code
    if status == 200:
        return
    # Grafana, which answers in place of the Prometheus behind it, says `message`.
    told = answer if isinstance(answer, dict) else {}
    said = told.get("error") or told.get("message")
    reason = shortened(str(said or "no reason given"), 400)
    about = f"{response.url} answered {status} to {shortened(form['query'])!r}: {reason}"
    if status in _RETRIED:
        raise Busy(
            f"{about}; the source may be overloaded, run again later",
            response.headers.get("retry-after", ""),
        )
    if status == 422 and "too many samples" in str(said):
        raise SourceTooLarge(f"{about}; a shorter window may fit")
    hint = "correct the rule or DATASOURCE_URL"
    if status in (401, 403):
        hint = (
            "set DATASOURCE_USERNAME and DATASOURCE_PASSWORD, or DATASOURCE_BEARER_TOKEN, to "
            "credentials that may read"
        )
    elif status == 404:
        hint = (
            "is DATASOURCE_URL the base URL of a Prometheus (not of Grafana), with its path prefix "
            "but without /api/v1 or /graph?"
        )
    elif 300 <= status < 400:
        # Followed, it would carry the credentials to another host.
        location = shortened(str(response.headers.get("location")))
        hint = (
            f"it redirects to {location!r}; set DATASOURCE_URL to where Prometheus itself answers; "
            "if that is a login page, to an address that takes a password or a token"
        )
    elif "HTTP request to an HTTPS server" in str(said):
        hint = "write https:// in DATASOURCE_URL"
    raise SourceRejected(f"{about}; {hint}")


def matrix(data: Mapping[str, Any], expr: str) -> list[Mapping[str, Any]]:
    """Return the series; raise SourceIncomplete for anything else."""
    got, result = data.get("resultType"), data.get("result")
    if got == "matrix" and isinstance(result, list) and all(_is_series(item) for item in result):
        return result
    raise SourceIncomplete(
        f"the answer to {shortened(expr)!r} is of type {shown(got)}, wanted a whole 'matrix'; "
        "the expression must give series, and the source must be a Prometheus"
    )


def _is_series(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("metric"), dict):
        return False
    # Native histograms come as "histograms"; a rule must turn them into numbers.
    return isinstance(item.get("values"), list) and all(
        isinstance(value, str) for value in item["metric"].values()
    )


def excerpt(body: bytes) -> str:
    """Return the beginning of an answer, on one line."""
    text = body[:200].decode("utf-8", "replace")
    return " ".join(text.split()) + ("..." if len(body) > 200 else "")
