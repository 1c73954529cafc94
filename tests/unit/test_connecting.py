"""What a person is told of a DATABASE_URL that is wrong, and of a server that lets nobody in."""

from __future__ import annotations

import pytest

from promtsdb_dagster.adapters.connecting import address_of, advice
from promtsdb_dagster.errors import ConfigurationError

URL = "postgresql://owner:secret@db.example:5432/metrics"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (URL, "db.example:5432/metrics"),
        ("postgresql://owner@db.example", "db.example:5432/owner"),
        ("postgresql:///metrics", "localhost:5432/metrics"),
        ("postgresql://a:p%40ss%2F@h1:1,h2:2/metrics", "h1,h2:1,2/metrics"),
        ("postgresql://a:p@[::1]:1/metrics?sslmode=disable", "::1:1/metrics"),
        ("host=/run/postgresql dbname=metrics", "/run/postgresql:5432/metrics"),
    ],
)
def test_an_address_has_no_credentials(url: str, address: str) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://owner:Top@Secret@db.example:5432/metrics",
        "postgresql://owner:Top/Secret@db.example:5432/metrics",
        "postgresql://owner:12/Secret@db.example:5432/metrics",
        "postgresql://owner:Top%Secret@db.example:5432/metrics",
        "postgresql://owner:Top/Sec?ret@db.example:5432/metrics",
    ],
    ids=["at", "slash", "slash after digits", "percent", "question mark"],
)
def test_a_password_that_is_not_encoded_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="percent-encoded") as raised:
        address_of(url)
    assert "Sec" not in str(raised.value)
    assert "Top" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        ("http://127.0.0.1:9090", "'http://'"),
        ("postgresql+psycopg2://owner:secret@h/metrics", "'postgresql+psycopg2://'"),
        ("jdbc:postgresql://h/metrics", "'jdbc:postgresql://'"),
    ],
)
def test_another_kind_of_url_is_named_by_its_beginning(url: str, begins: str) -> None:
    with pytest.raises(ConfigurationError, match="wanted postgresql://owner") as raised:
        address_of(url)
    assert f"it begins with {begins}" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("failed to resolve host 'db.exmaple': [Errno -2]", "correct the host"),
        ('server at "h", port 1 failed: Connection refused', "correct host and port"),
        ('FATAL:  password authentication failed for user "o"', "@ is %40"),
        ("fe_sendauth: no password supplied", "PGPASSFILE"),
        ('FATAL:  database "metricz" does not exist', "CREATE DATABASE metrics OWNER owner"),
        ('FATAL:  role "owner" does not exist', "CREATE ROLE owner LOGIN CREATEROLE"),
        ("server does not support SSL, but SSL was required", "leave sslmode out"),
        ('FATAL:  no pg_hba.conf entry for host "h", no encryption', "sslmode=require"),
        ("FATAL:  unsupported startup parameter: options", "wanted PostgreSQL itself"),
        ("connection timeout expired", "firewall"),
        ("FATAL:  das Datenbanksystem fährt herunter", "check DATABASE_URL and the server's log"),
    ],
)
def test_what_to_do_depends_on_what_the_server_said(said: str, words: str) -> None:
    told = advice(said, URL)
    assert words in told
    assert told.startswith("wanted ")
    assert "secret" not in told
