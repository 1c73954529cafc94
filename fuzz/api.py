"""Ask the API as strangers would, in rounds of tests, each with another seed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

NAME = "api"
EXAMPLES = 500
_TESTS = ("test_api_sql.py", "test_api_http.py", "test_api_openapi.py")


def fuzz_api(seconds: int, folder: Path, seed: int) -> bool:
    """Run whole rounds until the time is over; return whether all of them passed."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "api.txt"
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--timeout=0"),
        *(f"tests/fuzz/{name}" for name in _TESTS),
    ]
    end, rounds = time.monotonic() + seconds, 0
    while rounds == 0 or time.monotonic() < end:
        again = [*command, f"--hypothesis-seed={seed + rounds}"]
        with log.open("wb") as file:
            environment = {**os.environ, "PROMTSDB_FUZZ_EXAMPLES": str(EXAMPLES)}
            status = subprocess.run(
                again, stdout=file, stderr=subprocess.STDOUT, env=environment, check=False
            ).returncode
        if status:
            print(f"{NAME:10} FAILED; log: {log}")
            print(f"    PROMTSDB_FUZZ_EXAMPLES={EXAMPLES} {' '.join(again)}", flush=True)
            return False
        rounds += 1
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("SKIPPED"):
            print(f"{NAME:10} {line}", flush=True)
    print(f"{NAME:10} {rounds:>10,} rounds of {EXAMPLES} calls a test, no crash", flush=True)
    return True
