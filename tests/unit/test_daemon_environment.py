"""What `make up` starts knows where its own UI is, so that messages have links."""

from __future__ import annotations

from pathlib import Path

import pytest

from promtsdb_dagster.commands import daemon
from promtsdb_dagster.commands.lock import only_daemon

UI = "http://127.0.0.1:3030"
COMMAND = ["python", "-c", "import os; print(os.environ.get('DAGSTER_PUBLIC_URL'))"]


@pytest.mark.parametrize(
    ("url", "variable", "wanted"),
    [
        (UI, None, UI),
        (UI, "", UI),
        (UI, "https://dagster.example.org", "https://dagster.example.org"),
        (None, None, None),
    ],
    ids=["its own", "its own, as the variable is empty", "what the user says", "no UI"],
)
def test_links_lead_to_the_ui(
    url: str | None,
    variable: str | None,
    wanted: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DAGSTER_PUBLIC_URL", raising=False)
    if variable is not None:
        monkeypatch.setenv("DAGSTER_PUBLIC_URL", variable)
    log = tmp_path / "said"
    with only_daemon(tmp_path) as lock, daemon.running(COMMAND, lock, log, url) as process:
        assert process.wait(60) == 0
    assert log.read_text().strip() == str(wanted)
