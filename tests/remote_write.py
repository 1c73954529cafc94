"""Write series as Prometheus' remote write does: protobuf by hand, snappy by a library."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

import cramjam

Text = str | bytes
# Labels with `__name__` among them, and samples of (unix milliseconds, value).
Series = tuple[Mapping[Text, Text], Iterable[tuple[int, float]]]


def encoded(series: Iterable[Series]) -> bytes:
    """Return a compressed WriteRequest; labels may be bytes, so that they can be wrong."""
    return bytes(cramjam.snappy.compress_raw(message(series)))


def message(series: Iterable[Series]) -> bytes:
    """Return a WriteRequest without compression.

    https://github.com/prometheus/prometheus/blob/main/prompb/types.proto
    """
    return b"".join(_chunk(1, _series(*each)) for each in series)


def _series(labels: Mapping[Text, Text], samples: Iterable[tuple[int, float]]) -> bytes:
    return b"".join(
        [_chunk(1, _chunk(1, _bytes(k)) + _chunk(2, _bytes(v))) for k, v in labels.items()]
        + [_chunk(2, b"\x09" + struct.pack("<d", v) + b"\x10" + _varint(t)) for t, v in samples]
    )


def _bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _chunk(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(parts) + bytes([number])
