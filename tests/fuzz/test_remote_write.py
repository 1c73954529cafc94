"""Whatever is remote-written to Telegraf, the next good row is stored."""

from __future__ import annotations

from tests.fix_postgres import ScratchDatabase
from tests.fix_telegraf import Telegraf
from tests.fuzz.remote_write import fuzz

_SECONDS = 5


def test_good_rows_arrive_among_garbage(telegraf: Telegraf, database: ScratchDatabase) -> None:
    answers = fuzz(telegraf, database, _SECONDS, seed=5)

    assert min(answers[204], answers[400]) > 0
