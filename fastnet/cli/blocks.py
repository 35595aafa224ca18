"""Pictures and bars made of characters: half blocks in greys or colours, or ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, zip_longest
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.style import Style
from rich.text import Text

from fastnet.inspection.classes import shortened

Array = npt.NDArray[Any]

HALF, FULL, INK = "▀", "█", " .:-=+*#%@"
SMALL = 16
"""Images of as many columns are drawn twice as large."""
BARS = 30
"""Columns that bars and their names want at least, to stand beside a picture."""
GAP = 3


class Screen(NamedTuple):
    """What can be printed: so many columns, colours or none, blocks or ASCII only."""

    columns: int
    colour: bool
    blocks: bool


def screen_of(console: Console) -> Screen:
    """Find out what a console shows; pipes, NO_COLOR and dumb terminals get ASCII, as do encodings without blocks."""
    colour = console.color_system is not None and not console.no_color
    try:
        (HALF + FULL + "…").encode(console.encoding)
        encodable = True
    except UnicodeEncodeError:
        encodable = False
    return Screen(max(console.width, 20), colour and encodable, colour and encodable)


def picture(image: Array, screen: Screen) -> list[Text]:
    """Draw an image of values from 0 to 1, shape (height, width) or (height, width, 3), two pixel rows a line."""
    image = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1) if image.shape[1] <= SMALL else image
    columns = min(screen.columns, image.shape[1])
    rows = max(1, round(image.shape[0] * columns / image.shape[1]))
    pixels = _shrunk(_shrunk(image, rows, 0), columns, 1)
    if rows % 2:
        pixels = np.concatenate([pixels, np.zeros_like(pixels[:1])])
    upper, lower = pixels[::2], pixels[1::2]
    if not screen.colour:
        grey = (upper + lower) / 2
        grey = grey.mean(axis=2) if grey.ndim == 3 else grey
        return [Text("".join(INK[round(float(value) * (len(INK) - 1))] for value in row)) for row in grey]
    return [_line(*pair) for pair in zip(upper, lower, strict=True)]


def _shrunk(image: Array, size: int, axis: int) -> Array:
    """Average runs of rows or columns, so that `size` of them are left."""
    begins = np.arange(size) * image.shape[axis] // size
    sums = np.add.reduceat(image.astype(np.float64), begins, axis=axis)
    counts = np.diff(np.append(begins, image.shape[axis]))
    shape = [1] * image.ndim
    shape[axis] = size
    mean: Array = sums / counts.reshape(shape)
    return mean


def _line(upper: Array, lower: Array) -> Text:
    line = Text()
    pairs = zip(map(_colour, upper), map(_colour, lower), strict=True)
    for (top, bottom), run in groupby(pairs):
        line.append(HALF * len(list(run)), Style(color=top, bgcolor=bottom))
    return line


def _colour(pixel: Any) -> str:
    red, green, blue = np.broadcast_to(np.rint(255 * np.asarray(pixel)).astype(int), 3).tolist()
    return f"rgb({red},{green},{blue})"


def bars(
    names: Sequence[str], values: Sequence[float], marks: Sequence[str], columns: int, screen: Screen
) -> list[Text]:
    """Draw values from 0 to 1 as bars, with a name before each, and its percentage and a mark behind."""
    after = max(map(len, marks), default=0)
    width = min(max(map(len, names), default=0), max(4, columns // 3))
    room = max(1, columns - width - 9 - (after + 1 if after else 0))
    sign, dots = (FULL, "…") if screen.blocks else ("#", "...")
    lines = []
    for name, value, mark in zip(names, values, marks, strict=True):
        bar = sign * round(float(value) * room)
        line = Text(f"{shortened(name, width, dots):>{width}} ")
        line.append(f"{bar:<{room}}", Style(color="green" if "actual" in mark else "yellow" if mark else None))
        line.append(f" {100 * value:5.1f} %")
        lines.append(line.append(f" {mark}" if mark else ""))
    return lines


def beside(left: list[Text], right: list[Text], width: int) -> list[Text]:
    """Set lines beside others, from column `width` on."""
    lines = []
    for one, other in zip_longest(left, right, fillvalue=Text()):
        line = one.copy()
        line.append(" " * (width - line.cell_len))
        lines.append(line.append_text(other))
    return lines


def side_by_side(picture_columns: int, screen: Screen) -> bool:
    """Tell whether bars find room beside a picture."""
    return picture_columns + GAP + BARS <= screen.columns
