"""Keep our secrets out of what is told of others: an error page may repeat what it was sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

from promtsdb_dagster.errors import PromtsdbError

_HIDDEN = "***"
# An excerpt may end within a secret, or begin there; shorter pieces are nobody's secret.
_SHORTEST_PIECE = 8


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
        """Return a text with stars for secrets, and for beginnings and ends of them."""
        for secret in self._spelled:
            text = text.replace(secret, _HIDDEN)
        # The longest of all spellings first, too: what they share would leave the rest of one.
        longest = max(map(len, self._spelled), default=0)
        for length in range(longest - 1, _SHORTEST_PIECE - 1, -1):
            for secret in self._spelled:
                if length < len(secret):
                    text = text.replace(secret[:length], _HIDDEN).replace(secret[-length:], _HIDDEN)
        return text

    @contextmanager
    def discreet(self) -> Iterator[None]:
        """Hide secrets in the text of an error of ours that the block raises, and of its causes."""
        try:
            yield
        except PromtsdbError as error:
            # Dagster stores what an error came from as well.
            for each in _chain(error):
                each.args = tuple(self.hide(a) if isinstance(a, str) else a for a in each.args)
            raise


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    met: set[int] = set()
    while error is not None and id(error) not in met:
        met.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


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
