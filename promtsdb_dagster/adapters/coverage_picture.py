"""Draw what is stored of every metric over time, as a PNG."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from promtsdb_dagster.adapters import coverage_layout as at
from promtsdb_dagster.adapters.coverage_layout import Layout, Look
from promtsdb_dagster.core.coverage import NOWHERE, Coverage, Row

# Pillow takes 50 ms to import, and the definitions never draw.
if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFont import FreeTypeFont

_DARK, _PALE, _PAPER, _LINE, _FRAME = "#1f2933", "#52606d", "#ffffff", "#e4e7eb", "#9aa5b1"
_SHADES = 12
_TITLES = {
    "mainnet": "mainnet",
    "testnet": "testnet",
    "common": "common",
    "cumsum": "running totals",
    "geo": "positions",
    NOWHERE: "in the rules, never seen",
}


def draw(coverage: Coverage) -> bytes:
    """Return the picture of a coverage as PNG: a row a metric, a column a piece of time."""
    pen = _Pen(Layout(coverage))
    pen.head()
    pen.legend()
    pen.axis()
    for top, row, first in pen.layout.rows():
        if first:
            pen.schema(top, row.schema)
        pen.row(top, row)
    pen.remarks()
    return pen.png()


def percent(share: float | None) -> str:
    """Return a share as text; what is not whole never looks so."""
    if share is None:
        return ""
    if share == 1 or share == 0:
        return f"{share:.0%}"
    return f"{min(max(share * 100, 0.1), 99.9):.1f}%"


def _with_palette(image: Image.Image) -> Image.Image:
    """Return the same picture with a palette of its own colours and of the edges of letters."""
    from PIL import Image, ImageColor

    words = [ImageColor.getrgb(colour) for colour in (_DARK, _PALE, at.MISSING.ink, _FRAME)]
    edges = [
        tuple(255 - (255 - part) * step // _SHADES for part in word[:3])
        for word in words
        for step in range(_SHADES + 1)
    ]
    looks = [ImageColor.getrgb(c) for look in at.LOOKS for c in (look.colour, look.ink) if c]
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [part for colour in [*looks, ImageColor.getrgb(_LINE), *edges] for part in colour]
    )
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


class _Pen:
    def __init__(self, layout: Layout) -> None:
        from PIL import Image, ImageDraw

        self.layout = layout
        self.coverage = layout.coverage
        self._image = Image.new("RGB", (layout.width, layout.height), _PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._tiles = {look: self._tile(look, (layout.width, layout.height)) for look in at.LOOKS}

    def png(self) -> bytes:
        out = BytesIO()
        _with_palette(self._image).save(out, "PNG", optimize=True)
        return out.getvalue()

    def head(self) -> None:
        span, share = self.coverage.span, percent(self.coverage.share) or "nothing"
        self._text((at.MARGIN, 22), "What is stored, metric by metric", size=at.TITLE, bold=True)
        told = (
            f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC. "
            f"{len(self.coverage.rows)} metrics, {share} of what the source has or may have is "
            f"stored. A column is {self.layout.columns_word()}; a cell fills as its hours do."
        )
        self._text((at.MARGIN, 54), told, colour=_PALE)

    def legend(self) -> None:
        x, y = at.MARGIN, at.LEGEND
        used = {at.look_of(kind) for row in self.coverage.rows for kind in row.total}
        for look in at.LOOKS:
            if look is at.ANY and look not in used:
                continue
            width = 25 + int(self._draw.textlength(look.words, self._font(at.FONT)))
            if x + width > self.layout.width - at.MARGIN:
                x, y = at.MARGIN, y + 20
            self._fill(look, (x, y, x + 20, y + at.ROW))
            self._draw.rectangle((x, y, x + 19, y + at.ROW - 1), outline=_FRAME)
            self._text((x + 25, y), look.words)
            x += width + 16

    def axis(self) -> None:
        bottom = self.layout.bottom + 6
        for x, words, long in self.layout.ticks():
            self._draw.line((x, at.TOP + 8, x, bottom), fill=_FRAME if long else _LINE)
            for y in (at.TOP - 10, bottom + 4):
                self._text((x + 2, y), words, colour=_DARK if long else _PALE)

    def schema(self, top: int, schema: str) -> None:
        self._text((at.MARGIN, top - 21), _TITLES.get(schema, schema), size=15, bold=True)

    def row(self, top: int, row: Row) -> None:
        layout = self.layout
        self._text((at.MARGIN + 8, top), self._cut(row.name, at.LABELS - 14))
        for number, cell in enumerate(row.cells):
            x, y = layout.left + number * layout.cell, top + at.ROW
            for look, height in at.stacked(cell):
                self._fill(look, (x, y - height, x + layout.cell, y))
                y -= height
        edge = (layout.left - 1, top - 1, layout.right, top + at.ROW)
        self._draw.rectangle(edge, outline=_FRAME)
        colour = _DARK if row.share == 1 else at.MISSING.ink
        self._text((layout.right + 10, top), percent(row.share), colour=colour)

    def remarks(self) -> None:
        for number, remark in enumerate(self.coverage.remarks):
            y = self.layout.bottom + 34 + 18 * number
            self._text((at.MARGIN, y), self._cut(remark, self.layout.width - 2 * at.MARGIN))

    def _fill(self, look: Look, box: tuple[int, int, int, int]) -> None:
        self._image.paste(self._tiles[look].crop(box), box)

    @staticmethod
    def _tile(look: Look, size: tuple[int, int]) -> Image.Image:
        from PIL import Image, ImageDraw

        tile = Image.new("RGB", size, look.colour)
        if look.pattern:
            draw = ImageDraw.Draw(tile)
            width, height = size
            # Lines lean one way where something can be done, and the other where nothing can.
            lean = -height if look is at.ABSENT else height
            for x in range(-height, width + height, look.pattern):
                draw.line((x, 0, x + lean, height), fill=look.ink)
        return tile

    def _text(
        self,
        where: tuple[int, int],
        words: str,
        *,
        size: int = at.FONT,
        colour: str = _DARK,
        bold: bool = False,
    ) -> None:
        width = 0.4 if bold else 0
        self._draw.text(where, words, fill=colour, font=self._font(size), stroke_width=width)

    def _cut(self, words: str, most: int) -> str:
        font = self._font(at.FONT)
        if self._draw.textlength(words, font) <= most:
            return words
        while words and self._draw.textlength(words + "...", font) > most:
            words = words[:-1]
        return words + "..."

    @staticmethod
    def _font(size: int) -> FreeTypeFont:
        from PIL import ImageFont

        # Pillow's own, so that the picture is the same everywhere.
        return ImageFont.load_default(size)  # type: ignore[return-value]  # it has FreeType
