"""Send what nobody meant to a real Telegraf before a real database; good rows still arrive."""

from __future__ import annotations

import tempfile
from pathlib import Path

from promtsdb_dagster.localstack.binaries import find_postgres, find_program, timescaledb_missing
from promtsdb_dagster.settings import load_settings
from tests.fix_postgres import ScratchDatabase, running_cluster
from tests.fix_telegraf import running_telegraf
from tests.fuzz.remote_write import fuzz

NAME = "remote_write"


def fuzz_remote_write(seconds: int, seed: int) -> bool:
    """Send for so long, half of it to each engine; return whether all was well."""
    program = find_program("telegraf")
    if program is None:
        print(f"skipped {NAME}: Telegraf is not there; `make tools` builds it where Go is")
        return True
    engines = ["postgresql"]
    if why := timescaledb_missing(find_postgres(load_settings().pg_bindir).folder):
        print(f"{NAME} without timescaledb: {why}")
    else:
        engines.append("timescaledb")
    for engine in engines:
        with (
            running_cluster(engine) as cluster,
            tempfile.TemporaryDirectory() as folder,
            ScratchDatabase(cluster.migrated_url()) as database,
            running_telegraf(program, database, Path(folder)) as telegraf,
        ):
            try:
                answers = fuzz(telegraf, database, seconds / len(engines), seed)
            except AssertionError as error:
                print(f"{NAME:10} FAILED on {engine}, --seed {seed}: {error}", flush=True)
                return False
        told = ", ".join(f"{count:,} times {status}" for status, count in sorted(answers.items()))
        print(f"{NAME:10} {answers.total():>10,} bodies to {engine}: {told}", flush=True)
    return True
