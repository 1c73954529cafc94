"""Show what others sent: an error is kept in logs and in Dagster's storage, however much came."""

from __future__ import annotations

import reprlib

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80
_REPR.maxdict = 16
_REPR.maxlist = 8
_REPR.maxlevel = 4


def shown(value: object, most: int = 200) -> str:
    """Return the repr of a value, cut to about `most` characters."""
    return shortened(_REPR.repr(value), most)


def shortened(text: str, most: int = 200) -> str:
    """Return a text, cut to about `most` characters."""
    return text if len(text) <= most else f"{text[:most]}..."
