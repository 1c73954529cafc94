"""Secrets of the stack's services, made at random once for a state folder."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.accounts import write_secret


def _random() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Secrets:
    """Passwords of Telegraf's listener and of the two logins, and the key of the API's tokens."""

    telegraf: str = field(default_factory=_random, repr=False)
    telegraf_db: str = field(default_factory=_random, repr=False)
    postgrest_db: str = field(default_factory=_random, repr=False)
    jwt: str = field(default_factory=_random, repr=False)


@dataclass(frozen=True)
class SecretFile:
    """A file that only the stack's user can read."""

    path: Path

    def read(self) -> Secrets:
        """Return the secrets, made now if they never were."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = self.path.with_suffix(".new")
            write_secret(new, json.dumps(asdict(Secrets())), None)
            new.rename(self.path)
        try:
            return Secrets(**json.loads(self.path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise StackError(
                f"{self.path} does not hold the stack's secrets: {type(error).__name__}; delete "
                "it and start the stack again, which makes new ones"
            ) from None
