"""What several targets make their inputs from."""

from __future__ import annotations

import struct

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Timing decides nothing, and what fails is kept by whoever runs it, not in a folder of Hypothesis.
QUIET = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)

_KEYS = ("__name__", "host", "instance", "tli_name", "manifest_tier", "supply", "job", "le")
_VALUES = ("", "mainnet", "testnet", "n/a", "1", "telegraf", "a\0b", "\\N", "%s", "\t\n\r\\")


def labels() -> st.SearchStrategy[dict[str, str]]:
    """Return what a JSON object of texts may hold: no half of a surrogate pair, but NUL."""
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    keys = st.one_of(st.sampled_from(_KEYS), text.filter(bool))
    return st.dictionaries(keys, st.one_of(st.sampled_from(_VALUES), text), max_size=4)


def numbers() -> st.SearchStrategy[str]:
    """Return samples as Prometheus, VictoriaMetrics or a stranger would write a float64."""
    bits = st.binary(min_size=8, max_size=8).map(lambda octets: struct.unpack("<d", octets)[0])
    floats = st.one_of(bits, st.integers(-(10**17), 10**17).map(float))
    return st.one_of(
        floats.map(repr),
        st.integers(-(10**22), 10**22).map(str),
        floats.map(lambda number: f"{number:.3f}"),
        floats.map(lambda number: f"{number:.17g}"),
        st.sampled_from(
            ["NaN", "+Inf", "-Inf", "0", "-0", "1e+22", "5e-324", "1.0", "007", "1e400"]
        ),
    )
