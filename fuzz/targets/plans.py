"""The property tests of windows and plans, led by what they reach instead of by chance."""

from __future__ import annotations

from importlib import import_module

_TESTS = (
    ("test_running_totals", "test_a_running_total_is_exact"),
    ("test_windows", "test_subtract_intersect_and_merge_are_set_operations"),
    ("test_windows", "test_every_instant_is_in_exactly_one_piece"),
    ("test_windows", "test_floor_and_ceil_are_the_nearest_multiples"),
    ("test_windows", "test_the_pieces_of_a_split_tile_the_window"),
)
_PROPERTIES = [
    getattr(import_module(f"tests.unit.core.{module}"), name).hypothesis.fuzz_one_input
    for module, name in _TESTS
]


def check(data: bytes) -> None:
    """Give the bytes to the property that the first one names."""
    _PROPERTIES[data[0] % len(_PROPERTIES) if data else 0](data[1:])
