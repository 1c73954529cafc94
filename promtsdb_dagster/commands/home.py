"""Where Dagster keeps its runs between commands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from promtsdb_dagster.defs.runs import UNFINISHED
from promtsdb_dagster.settings import ROOT, load_settings

# Runs that a command executes itself carry the id of its process.
PROCESS_TAG = "promtsdb/process"
_EVENTS_AT_ONCE = 500
_MARK = "# Written by promtsdb from its own dagster.yaml; without this line it is yours and stays."
# Not in that file: `dagster dev` reads it without a DAGSTER_HOME too, and then only Dagster's own
# storage knows where to write.
_STORAGE = """\
storage:
  custom:
    # SQLite as by default, but with the events of many partitions written at once.
    module: promtsdb_dagster.defs.sqlite_storage
    class: BatchedSqliteStorage
    config:
      base_dir:
        env: DAGSTER_HOME
"""


def prepare_home() -> Path:
    """Return DAGSTER_HOME, by default below the state folder, with dagster.yaml; safe to repeat."""
    settings = load_settings()
    home = (settings.dagster_home or settings.promtsdb_state_dir / "dagster").resolve()
    # Dagster itself reads the variable, and so do the processes that are started later.
    os.environ["DAGSTER_HOME"] = str(home)
    # Events of a run over many partitions are kept back until so many can be written at once.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(_EVENTS_AT_ONCE))
    home.mkdir(parents=True, exist_ok=True)
    write_settings(home)
    return home


def write_settings(home: Path) -> None:
    """Write dagster.yaml into a home; one that a person put there stays."""
    file = home / "dagster.yaml"
    if file.exists() and not file.is_symlink() and not file.read_text().startswith(_MARK):
        return
    text = f"{_MARK}\n{(ROOT / 'dagster.yaml').read_text()}\n{_STORAGE}"
    new = file.with_name(f"dagster.yaml.{os.getpid()}")
    # Replaced, since the text would follow the link that earlier versions made into the checkout.
    new.write_text(text)
    new.replace(file)


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """Lend the instance of DAGSTER_HOME."""
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        yield instance


def end_orphans(instance: dg.DagsterInstance) -> int:
    """Report runs as canceled whose process is gone, and return how many; needs `only_daemon`.

    Left alone they would count as in progress for ever, and hold every refresh back.
    """
    ended = 0
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if run.status == dg.DagsterRunStatus.QUEUED or _is_alive(run.tags.get(PROCESS_TAG)):
            continue
        # Canceled, since Dagster would start a failed one again beside what is asked for now.
        instance.report_run_canceled(run, "its process ended without a word; safe to run again")
        ended += 1
    return ended


def _is_alive(pid: str | None) -> bool:
    if pid is None or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
