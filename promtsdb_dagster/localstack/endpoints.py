"""Where the services of a running stack answer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Endpoints:
    """Where the services answer; None for one that the stack is without.

    `admin_database_url` is the superuser's: tests and tools only.
    """

    database_url: str
    admin_database_url: str
    datasource_url: str
    exporter_url: str
    engine: str
    skipped: tuple[str, ...]
    vmalert_url: str | None = None
    telegraf_url: str | None = None
    telegraf_username: str | None = None
    telegraf_password: str | None = field(default=None, repr=False)
    telegraf_metrics_url: str | None = None
    postgrest_url: str | None = None
    postgrest_admin_url: str | None = None
    api_url: str | None = None
    jwt_secret: str | None = field(default=None, repr=False)

    def environment(self) -> dict[str, str]:
        """Return the variables of `.env.example` that point to this stack."""
        variables = {
            "DATABASE_URL": self.database_url,
            "DATASOURCE_URL": self.datasource_url,
            "VMALERT_URL": self.vmalert_url,
            "TELEGRAF_URL": self.telegraf_url,
            "TELEGRAF_USERNAME": self.telegraf_username,
            "TELEGRAF_PASSWORD": self.telegraf_password,
            "TELEGRAF_METRICS_URL": self.telegraf_metrics_url,
            "POSTGREST_ADMIN_URL": self.postgrest_admin_url,
            "API_URL": self.api_url,
            "JWT_SECRET": self.jwt_secret,
        }
        return {name: value for name, value in variables.items() if value}
