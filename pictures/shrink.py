"""Make a screenshot small enough for a repository."""

from __future__ import annotations

import io
from pathlib import Path

LARGEST_BYTES = 250_000


def write_small(png: bytes, file: Path) -> int:
    """Write a PNG with 256 colours and return its size in bytes.

    An interface has few colours; nobody sees the difference, and half of the bytes are gone.
    """
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        # No dithering: its noise costs more bytes than the colours it makes up.
        small = image.convert("RGB").quantize(
            256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
    small.save(file, optimize=True)
    return file.stat().st_size
