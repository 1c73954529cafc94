"""Let libFuzzer drive one target: `python -m fuzz.child TARGET [libFuzzer's arguments]`."""

from __future__ import annotations

import sys
from importlib import import_module

import atheris

from fuzz.catalog import AGAIN, BY_NAME
from fuzz.mutating import json_mutator


def main() -> None:
    """Run until libFuzzer ends the process."""
    target = sys.argv.pop(1)
    if sys.argv[1].startswith(AGAIN):
        # To merge, libFuzzer starts itself anew by this name.
        sys.argv[0] = sys.argv.pop(1).removeprefix(AGAIN)
    # What is instrumented is what the fuzzer is led by.
    with atheris.instrument_imports(include=["promtsdb_dagster", "yaml", "fuzz.targets"]):
        check = import_module(f"fuzz.targets.{target}").check

    def take(data: bytes) -> None:
        # libFuzzer takes what is returned for a verdict.
        check(data)

    options = {}
    if BY_NAME[target].json:
        # Looked up when it is called: Fuzz puts another one there.
        options["custom_mutator"] = json_mutator(lambda data, most: atheris.Mutate(data, most))
    atheris.Setup(sys.argv, take, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
