"""The page on being told of failures: its commands, its JSON, its notifier."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from promtsdb_dagster.adapters.notifiers import WebhookNotifier
from promtsdb_dagster.core.notices import Message, Notice
from promtsdb_dagster.settings import ROOT
from tests.docs.reading import blocks
from tests.doubles.scripted_http import Answer, scripted

PAGE = ROOT / "docs" / "how-to" / "be-told-of-failures.md"
_TEXT = "the database at db.example cannot be used: gone; check DATABASE_URL"


def test_the_message_is_what_is_sent() -> None:
    (shown,) = blocks(PAGE, "json")
    notice = Notice(
        "backfill_1w", "failed", _TEXT, datetime(2026, 11, 18, 12, tzinfo=timezone.utc), count=3,
        partitions="partitions 2026-11-11 to 2026-11-13", run_id="0f3a",
        url="https://dagster.example.org/runs/0f3a",
    )  # fmt: skip
    with scripted(Answer(b"")) as server:
        WebhookNotifier(server.url).send(Message("runs", [notice]))
    assert json.loads(shown.text) == json.loads(server.requests[0][2])


def test_a_try_reaches_the_webhook(tmp_path: Path) -> None:
    exports, command = (block.text for block in blocks(PAGE, "sh")[:2])
    with scripted(Answer(b"")) as server:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        exports = exports.replace("https://hooks.example.org", server.url)
        done = subprocess.run(
            ["bash", "-euc", exports + command], cwd=ROOT, env=environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WebhookNotifier took this message" in done.stderr
    ((path, _, body),) = server.requests
    assert path == "/services/T0000/B0000/secret"
    assert "B0000" not in done.stdout + done.stderr
    text = json.loads(body)["text"]
    assert "the job try_notifier was run at" in text
    assert "<https://dagster.example.org/runs/" in text


def test_a_notifier_of_ones_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (module,) = blocks(PAGE, "python")
    (tmp_path / "my_definitions.py").write_text(module.text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import my_definitions  # type: ignore[import-not-found]

    sent = []
    monkeypatch.setattr(
        my_definitions.Mail, "deliver", lambda _, subject, text: sent.append((subject, text))
    )
    job = my_definitions.defs.resolve_job_def("try_notifier")
    assert job.execute_in_process().success
    ((subject, text),) = sent
    assert subject == "promtsdb: a try"
    assert "this is how you are told of failures" in text

    def refuse(*_: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(my_definitions.Mail, "deliver", refuse)
    result = job.execute_in_process(raise_on_error=False)
    (failure,) = result.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data.description == (
        "the mail server does not answer: gone"
    )
