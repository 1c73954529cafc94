"""Run targets side by side, each as a process of libFuzzer, and tell what they found."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from fuzz.catalog import AGAIN, Target

# One input that takes longer or holds more is a crash, too. Instrumented code takes ten times as
# long, and several targets share the processors.
SLOWEST_SECONDS = 60
MOST_MEGABYTES = 2_048
# To begin, to read the corpus, and to end.
_GRACE_SECONDS = 300
_RUNS = re.compile(r"^Done (\d+) runs", re.MULTILINE)
_REACHED = re.compile(r"\bcov: (\d+)")


@dataclass(frozen=True)
class Outcome:
    """Hold what one target's run showed."""

    target: Target
    runs: int
    reached: int
    crashes: tuple[Path, ...]
    log: Path
    status: int

    @property
    def good(self) -> bool:
        """Say whether it ran to its end and found nothing."""
        return self.status == 0 and not self.crashes


def fuzz(
    targets: Sequence[Target], seconds: int, jobs: int, folder: Path, seed: int
) -> Iterator[Outcome]:
    """Yield how each target did, as they end; what they found is kept in the folder."""
    with ThreadPoolExecutor(jobs) as workers:
        futures = [workers.submit(_fuzz_one, one, seconds, folder, seed) for one in targets]
        for future in as_completed(futures):
            yield future.result()


def _fuzz_one(target: Target, seconds: int, folder: Path, seed: int) -> Outcome:
    here = folder / target.name
    found, crashes = here / "corpus", here / "crashes"
    for each in (found, crashes, target.corpus):
        each.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    arguments = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={crashes}/",
        f"-seed={seed}",
        *_limits(target, here),
        str(found),
        str(target.corpus),
    ]
    log = here / "log.txt"
    status = _run(target, arguments, log, seconds + _GRACE_SECONDS)
    text = log.read_text(encoding="utf-8", errors="replace")
    reached = [int(number) for number in _REACHED.findall(text)]
    runs = _RUNS.search(text)
    new = tuple(sorted(set(crashes.iterdir()) - before))
    return Outcome(target, int(runs[1]) if runs else 0, max(reached, default=0), new, log, status)


def merge(target: Target, folder: Path, into: Path) -> None:
    """Write the smallest set of inputs that reaches what all found ones reach."""
    sources = [folder / target.name / "corpus", target.corpus]
    for each in (into, *sources):
        each.mkdir(parents=True, exist_ok=True)
    here = folder / target.name
    program = (here / "child").resolve()
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m fuzz.child {target.name} "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    arguments = [
        f"{AGAIN}{program}",
        "-set_cover_merge=1",
        *_limits(target, here),
        str(into),
        *map(str, sources),
    ]
    if status := _run(target, arguments, here / "merge.txt", 1_800):
        raise SystemExit(f"{target.name}: libFuzzer ended with status {status}; see {here}")


def _limits(target: Target, here: Path) -> list[str]:
    words = here / "words.txt"
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in target.words)
    words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="utf-8")
    return [
        *([f"-dict={words}"] if target.words else []),
        f"-timeout={SLOWEST_SECONDS}",
        # Else what took ten seconds on a busy machine would be kept like a crash.
        f"-report_slow_units={SLOWEST_SECONDS}",
        f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-max_len={target.longest}",
        *(["-len_control=0"] if target.structured else []),
    ]


def _run(target: Target, arguments: list[str], log: Path, seconds: float) -> int:
    with log.open("wb") as file:
        command = [sys.executable, "-m", "fuzz.child", target.name, *arguments]
        try:
            return subprocess.run(
                command, stdout=file, stderr=subprocess.STDOUT, timeout=seconds, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return -1
