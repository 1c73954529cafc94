"""The only reader of the environment."""

from __future__ import annotations

from datetime import date, datetime, timezone
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from promtsdb_dagster.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
# PostgREST takes no shorter key.
JWT_SECRET_LENGTH = 32


class Settings(BaseSettings):
    """What the environment says; field names in upper case are the variables' names."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    datasource_url: str | None = Field(
        None, description="Prometheus (or VictoriaMetrics) base URL, e.g. http://localhost:9090"
    )
    datasource_username: str | None = Field(None, description="user for basic auth")
    datasource_password: SecretStr | None = Field(None, description="password for basic auth")
    datasource_bearer_token: SecretStr | None = Field(None, description="bearer token")
    datasource_ca_file: Path | None = Field(None, description="PEM file with the CA to trust")
    datasource_tls_insecure: bool = Field(False, description="true: do not verify the certificate")
    datasource_timeout_seconds: float = Field(120, gt=0, description="per request")
    datasource_concurrency: int = Field(4, ge=1, le=64, description="requests at once")
    datasource_attempts: int = Field(6, ge=1, le=50, description="tries per request")
    datasource_settle_seconds: int = Field(
        60, ge=0, description="samples younger than this may still change and are not fetched"
    )

    database_url: SecretStr | None = Field(
        None,
        description="libpq URL of an owner role, e.g. postgresql://owner:...@localhost/metrics",
    )
    backfill_start: date = Field(date(2023, 5, 10), description="first day of history, UTC")
    backfill_concurrency: int = Field(2, ge=1, le=32, description="windows written at once")

    rules_dir: Path = Field(ROOT / "rules", description="folder of the rule files")
    sql_dir: Path = Field(ROOT / "sql", description="folder of the migrations")

    telegraf_url: str = Field(
        "http://localhost:9273/write", description="where live samples are remote-written"
    )
    telegraf_username: str = Field("promtsdb", description="user of Telegraf's listener")
    telegraf_password: SecretStr | None = Field(
        None, description="password of Telegraf's listener; who writes to it must send it"
    )
    telegraf_metrics_url: str | None = Field(
        None, description="Telegraf's own metrics, e.g. http://localhost:9274/metrics"
    )
    vmalert_url: str | None = Field(None, description="vmalert, e.g. http://localhost:8880")
    postgrest_admin_url: str | None = Field(
        None, description="PostgREST's admin port, e.g. http://localhost:3002"
    )
    api_url: str | None = Field(None, description="the public API, e.g. http://localhost:3000")
    jwt_secret: SecretStr | None = Field(
        None,
        min_length=JWT_SECRET_LENGTH,
        description="key of the API's tokens (HS256), the same as PostgREST's",
    )

    live_patience_seconds: int = Field(
        300, ge=0, description="age at which a live row that is not stored counts as missing"
    )
    vmalert_program: Path | None = Field(
        None, description="vmalert to replay with; unset: the one in tools/bin or on the PATH"
    )
    replay_image: str | None = Field(
        None,
        description="image to replay with in a container, e.g. victoriametrics/vmalert:v1.150.0",
    )
    replay_networks: str = Field(
        "", description="names of that container's networks, separated by commas"
    )

    notify_webhook_url: SecretStr | None = Field(
        None, description="where failures are POSTed to, e.g. https://hooks.example.org/secret"
    )
    notify_webhook_format: Literal["json", "slack"] = Field(
        "json", description="what is POSTed: json, or slack for whatever takes Slack's webhooks"
    )
    dagster_public_url: str | None = Field(
        None, description="the Dagster UI as people reach it, for links in messages"
    )
    source_url: str | None = Field(
        None,
        description="where people read this code, for links in the UI, "
        "e.g. https://git.example.org/metrics/blob/main",
    )

    promtsdb_state_dir: Path = Field(
        ROOT / ".local", description="folder of the bundled local stack's data and logs"
    )
    dagster_home: Path | None = Field(
        None, description="where Dagster keeps its runs; unset: dagster/ in the state folder"
    )
    pg_bindir: Path | None = Field(
        None, description="folder with initdb and postgres, e.g. /usr/lib/postgresql/15/bin"
    )

    @field_validator(
        *("datasource_url", "vmalert_url", "api_url", "postgrest_admin_url"),
        *("dagster_public_url", "source_url"),
    )
    @classmethod
    def _no_trailing_slash(cls, url: str | None) -> str | None:
        return url.rstrip("/") if url else url

    @field_validator("notify_webhook_url")
    @classmethod
    def _url_of_a_web_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not _is_of_a_web_server(url.get_secret_value()):
            # Not even a part of it is told: it may be the secret without its scheme.
            raise ValueError("wanted http(s)://host/path; correct the variable")
        return url

    @property
    def history_start(self) -> datetime:
        """Return the first instant of history, UTC."""
        return datetime.combine(self.backfill_start, datetime.min.time(), timezone.utc)

    def require_database_url(self) -> str:
        """Return DATABASE_URL or raise ConfigurationError."""
        if self.database_url is None:
            raise ConfigurationError(_missing("DATABASE_URL", "the URL of the owner role"))
        return self.database_url.get_secret_value()

    def require_jwt_secret(self) -> str:
        """Return JWT_SECRET or raise ConfigurationError."""
        if self.jwt_secret is None:
            raise ConfigurationError(
                _missing("JWT_SECRET", f"PostgREST's key of {JWT_SECRET_LENGTH} characters or more")
            )
        return self.jwt_secret.get_secret_value()

    def require_datasource_url(self) -> str:
        """Return DATASOURCE_URL or raise ConfigurationError."""
        if self.datasource_url is None:
            raise ConfigurationError(_missing("DATASOURCE_URL", "the URL of Prometheus"))
        return self.datasource_url


def load_settings() -> Settings:
    """Read the environment; raise ConfigurationError naming the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"{_shown(str(item['loc'][0]), item['input'])}: {item['msg']}"
            for item in error.errors()
        )
        raise ConfigurationError(
            f"the environment has unusable settings: {problems}; see .env.example"
        ) from None


def _shown(field: str, value: object) -> str:
    if SecretStr in get_args(Settings.model_fields[field].annotation):
        return f"{field.upper()} (a secret of {len(str(value))} characters)"
    return f"{field.upper()}={value!r}"


def _is_of_a_web_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _missing(variable: str, meaning: str) -> str:
    return (
        f"{variable} is not set, wanted {meaning}; "
        "export it, or start the bundled stack with `make up`"
    )
