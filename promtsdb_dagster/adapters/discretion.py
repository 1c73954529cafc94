"""Keep our secrets out of what is told of others: an error page may repeat what it was sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

from promtsdb_dagster.errors import PromtsdbError

_HIDDEN = "***"
# An excerpt may end within a secret; shorter beginnings are nobody's secret.
_SHORTEST_BEGINNING = 8


class Discretion:
    """Take secrets, however they are spelled, out of texts."""

    def __init__(
        self,
        *secrets: str | None,
        urls: tuple[str | None, ...] = (),
        login: tuple[str, str] | None = None,
    ) -> None:
        """Know secrets, the passwords in URLs, and a user with his password."""
        spelled: set[str] = set()
        logins = [login] if login else []
        for url in urls:
            parts = _split(url or "")
            if parts.password:
                logins.append((unquote(parts.username or ""), unquote(parts.password)))
                spelled.add(parts.password)
        for user, password in logins:
            secrets = (*secrets, password)
            header = base64.b64encode(f"{user}:{password}".encode()).decode()
            spelled |= {header, quote(header, "")}
        for secret in filter(None, secrets):
            spelled |= spellings(secret)
        spelled.discard("")
        # The longest first: one may be the beginning of another.
        self._spelled = sorted(spelled, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return a text with stars for secrets and for beginnings of them."""
        for secret in self._spelled:
            text = text.replace(secret, _HIDDEN)
        for secret in self._spelled:
            for length in range(len(secret) - 1, _SHORTEST_BEGINNING - 1, -1):
                text = text.replace(secret[:length], _HIDDEN)
        return text

    @contextmanager
    def discreet(self) -> Iterator[None]:
        """Hide secrets in the text of an error of ours that the block raises."""
        try:
            yield
        except PromtsdbError as error:
            error.args = tuple(
                self.hide(each) if isinstance(each, str) else each for each in error.args
            )
            raise


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # Whoever uses it says better that it is none.
        return urlsplit("")


def spellings(secret: str) -> set[str]:
    """Return how a secret may stand in URLs, JSON and Python's own texts."""
    return {
        *(secret, unquote(secret), quote(secret), quote(secret, ""), quote_plus(secret)),
        *(json.dumps(secret)[1:-1], repr(secret)[1:-1]),
    }
