"""A replay that loses rows fails in time and says which; any later run completes it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from promtsdb_dagster.core.replaying import Ending, Job
from promtsdb_dagster.errors import VerificationFailed
from tests.fix_postgres import ScratchDatabase
from tests.fix_prometheus import NOW, History
from tests.fix_replay import (
    HOUR,
    PARTITIONS,
    TABLES,
    WHOLE_DAY,
    assert_direct_completes,
    engine,
    everything,
    failing_after,
    plain,
    process,
    replayed,
    shut_out,
    verified,
)
from tests.fix_telegraf import Telegraf
from tests.rows import stored


@plain
def test_a_source_that_fails_in_the_middle(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    vmalert: Path,
) -> None:
    """vmalert ends with 255 and loses what it had not sent yet."""
    partition = WHOLE_DAY
    with failing_after(4, history.url) as url:
        replay = replayed(history, database, telegraf, vmalert, source_url=url, patience=2)
        report = replay.run("backfill_forever", [partition], now=NOW)

    assert isinstance(report.error, VerificationFailed)
    assert "did not arrive within 2 s" in str(report.error)
    assert "vmalert ended with status 255" in str(report.error)
    assert "503" in str(report.error)
    assert verified(database) == {False}
    assert_direct_completes(history, database, another_database, partition)


@plain
def test_rows_that_telegraf_cannot_store_in_time(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    vmalert: Path,
) -> None:
    """vmalert ends with 0; what is in the buffer comes hours later and changes nothing."""
    partition = PARTITIONS["backfill_forever"]
    with shut_out(database):
        replay = replayed(history, database, telegraf, vmalert, patience=1)
        report = replay.run("backfill_forever", [partition], now=NOW)
        assert isinstance(report.error, VerificationFailed)
        assert "vmalert ended with status 0" in str(report.error)
        assert "system_tcp_sent" in str(report.error)
        assert stored(database, TABLES[1]) == []
        assert_direct_completes(history, database, another_database, partition)
    telegraf.wait_until_flushed(1)
    assert telegraf.counters()["cumsum.written"] > 0
    assert everything(database) == everything(another_database)
    assert stored(database, "internal.refused_row") == []


@plain
def test_rows_that_nobody_takes(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    packaged_vmalert: Path,
) -> None:
    """Old versions end with 0 although they dropped everything."""
    telegraf.stop()
    partition = WHOLE_DAY
    replay = replayed(history, database, telegraf, packaged_vmalert, patience=0.5)

    report = replay.run("backfill_forever", [partition], now=NOW)

    assert isinstance(report.error, VerificationFailed)
    assert "vmalert ended with status 0" in str(report.error)
    assert_direct_completes(history, database, another_database, partition)


@plain
def test_a_bad_ending_with_every_row_stored_is_a_remark(
    history: History, database: ScratchDatabase, telegraf: Telegraf, current_vmalert: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    program = tmp_path / "vmalert"
    program.write_text(f'#!/bin/sh\n{current_vmalert} "$@"\nexit 255\n')
    program.chmod(0o755)
    replay = replayed(history, database, telegraf, program)

    report = replay.run("backfill_1w", [PARTITIONS["backfill_1w"]], now=NOW)

    assert report.error is None
    [part] = report.partitions
    assert part.complete
    assert all("vmalert ended with status 255" in remark for remark in part.remarks)
    assert verified(database) == {True}


@plain
def test_another_run_while_a_replay_is_under_way(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    current_vmalert: Path,
) -> None:
    """It finds the minutes of the hour taken that it would have done as a whole."""
    partition = PARTITIONS["backfill_forever"]
    later = NOW + timedelta(minutes=40)
    for now in (NOW, later):
        history.backfill(another_database).run("backfill_forever", [partition], now=now)

    class Interrupted:
        """Have another run at a later hour before each replay."""

        def replay(self, job: Job) -> Ending:
            direct = history.backfill(database)
            assert direct.run("backfill_forever", [partition], now=later).error is None
            return replayer.replay(job)

    replayer = process(history.url, telegraf, current_vmalert)
    backfill = engine(history, database, Interrupted(), patience=60)

    report = backfill.run("backfill_forever", [partition], now=NOW)

    assert report.error is None
    assert verified(database) == {True}
    ours, theirs = everything(database), everything(another_database)
    assert [ours[name] for name in TABLES] == [theirs[name] for name in TABLES]
    assert {row[3] for row in ours["ledger"]} == {HOUR, timedelta(minutes=1)}


@plain
def test_tags_that_telegraf_does_not_send_again(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    current_vmalert: Path,
) -> None:
    """It remembers those that it has sent, also when they are gone; rows alone are no success."""
    partition = PARTITIONS["backfill_forever"]
    replay = replayed(history, database, telegraf, current_vmalert, patience=1)
    assert replay.run("backfill_forever", [partition], now=NOW).error is None
    with database.connection() as connection:
        connection.execute("DELETE FROM internal.prometheus_remote_write_tag")

    report = replay.run("backfill_forever", [partition], now=NOW, recheck=True)

    assert isinstance(report.error, VerificationFailed)
    assert "no rows and the tags of 6 series" in str(report.error)
    assert_direct_completes(history, database, another_database, partition)
