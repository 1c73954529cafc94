"""All faults: what the modules of `faults.scenarios` have, in the order of their names."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module

from faults import scenarios
from faults.fault import Fault
from promtsdb_dagster.errors import InputError


def catalog() -> list[Fault]:
    """Return every fault once; raises InputError when two share a name."""
    names = sorted(module.name for module in pkgutil.iter_modules(scenarios.__path__))
    found = [fault for name in names for fault in import_module(f"faults.scenarios.{name}").FAULTS]
    known = [fault.name for fault in found]
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise InputError(f"two faults are named {', '.join(twice)}, wanted different names")
    return found


def chosen(names: Iterable[str]) -> list[Fault]:
    """Return the faults with one of these words in their name, all when there are none."""
    wanted, there = list(names), catalog()
    if unknown := [name for name in wanted if not any(name in fault.name for fault in there)]:
        raise InputError(
            f"no fault is named {', '.join(unknown)}; known are "
            f"{', '.join(fault.name for fault in there)}"
        )
    return [f for f in there if not wanted or any(name in f.name for name in wanted)]
