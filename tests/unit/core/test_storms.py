"""One failure is told at once; what follows of its kind is counted, in a small space."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from promtsdb_dagster.core import storms as s
from promtsdb_dagster.core.notices import Attempts, Message

NOW = datetime(2026, 11, 18, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def _failure(number: int = 0, subject: str = "backfill_1w", kind: str = "StoreError") -> s.Failure:
    day = f"{datetime(2026, 1, 7, tzinfo=timezone.utc) + number * timedelta(days=1):%Y-%m-%d}"
    at = NOW + number * timedelta(seconds=1)
    return s.Failure(subject, kind, f"\n gone {number}; try\nagain", at, f"run{number}", day, day)


def test_the_first_is_told_at_once_with_its_first_line_and_link() -> None:
    storms = s.gather({}, [_failure()], NOW)
    (kind,) = s.due(storms, NOW)
    notice = storms[kind].notice("http://ui/runs")
    assert notice.sentence == (
        "backfill_1w (partition 2026-01-07) failed at 2026-11-18 12:00 UTC: gone 0; try"
    )
    assert notice.url == "http://ui/runs/run0"


def test_two_hundred_of_a_kind_are_two_messages() -> None:
    storms, messages = s.gather({}, [], NOW), []
    for number in range(200):
        now = NOW + number * timedelta(seconds=1)
        storms = s.gather(storms, [_failure(number)], now)
        if kinds := s.due(storms, now):
            messages.append(Message("runs", [storms[kind].notice("") for kind in kinds]))
            storms = s.told(storms, kinds, now)
    assert len(messages) == 1
    assert s.due(storms, NOW + s.QUIET - MINUTE) == []
    (kind,) = s.due(storms, NOW + s.QUIET)
    notice = storms[kind].notice("")
    assert (notice.count, notice.partitions) == (199, "partitions 2026-01-08 to 2026-07-25")
    assert "failed 199 times since 2026-11-18 12:00 UTC: the first said: gone 1;" in notice.sentence
    later = NOW + 3 * s.QUIET
    assert s.gather(s.told(storms, [kind], NOW + s.QUIET), [], later) == {}


def test_another_kind_is_told_at_once_too() -> None:
    storms = s.gather({}, [_failure()], NOW)
    storms = s.told(storms, s.due(storms, NOW), NOW)
    others = [_failure(1, kind="RuleError"), _failure(2, subject="backfill_1y"), _failure(3)]
    storms = s.gather(storms, others, NOW)
    assert {storms[kind].subject for kind in s.due(storms, NOW)} == {"backfill_1w", "backfill_1y"}
    assert len(s.due(storms, NOW)) == 2


def test_what_is_kept_stays_small_and_counts_everything() -> None:
    failures = [_failure(n % 300, subject=f"job {n}") for n in range(5_000)]
    long = [s.Failure("x", "y", "z" * 100_000, NOW, "run")]
    storms = s.gather(s.gather({}, long, NOW), failures, NOW)
    assert sum(storm.count for storm in storms.values()) == 5_001
    kept = json.dumps(s.as_json(storms))
    assert len(kept) < 20_000
    assert s.from_json(json.loads(kept)) == storms


def test_what_another_version_kept_is_read() -> None:
    known = s.from_json({"a b": {"subject": "a", "count": 1, "unheard_of": 1}})
    assert known["a b"].count == 1


def test_tries_grow_apart_and_never_end() -> None:
    attempts, pauses = Attempts(), []
    assert attempts.again_at() is None
    for _ in range(40):
        attempts = attempts.one_more(NOW, "gone")
        pauses.append((attempts.again_at() or NOW) - NOW)
    assert [pause.total_seconds() for pause in pauses[:6]] == [30, 60, 120, 240, 480, 900]
    assert pauses[-1] == timedelta(minutes=15)
