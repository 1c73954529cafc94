"""Make a token with which a person may write through the API."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import jwt

from promtsdb_dagster.errors import InputError
from promtsdb_dagster.settings import load_settings

# What docker/postgrest/postgrest.conf calls jwt-aud.
AUDIENCE = "promtsdb"
ROLES = ("writer", "web_anon")
LONGEST_HOURS = 24 * 365


def make_token(key: str, role: str, hours: float, now: datetime) -> str:
    """Return a token signed with HS256 that ends `hours` after `now`.

    Raises InputError for another role, and for hours beyond a year or not above 0.
    """
    if role not in ROLES:
        raise InputError(f"--role {role!r} is no role of the API, wanted {' or '.join(ROLES)}")
    if not 0 < hours <= LONGEST_HOURS:
        raise InputError(
            f"--hours {hours:g} is out of range, wanted more than 0 and at most {LONGEST_HOURS} "
            "(a year); a token cannot be taken back, only the key can be changed"
        )
    claims = {"role": role, "aud": AUDIENCE, "iat": now, "exp": now + timedelta(hours=hours)}
    return jwt.encode(claims, key, algorithm="HS256")


def token(role: str, hours: float) -> None:
    """Print a token and nothing else, so that a shell can take it; needs JWT_SECRET."""
    key = load_settings().require_jwt_secret()
    print(make_token(key, role, hours, datetime.now(timezone.utc)))
