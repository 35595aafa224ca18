"""Arrays as PNG within a page, and curves as SVG."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.report.html import Html, tag

Array = npt.NDArray[Any]

BLUE, RED = (0, 114, 178), (213, 94, 0)
COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
"""Of PNG, by channels: grey, RGB, RGBA (ISO/IEC 15948, section 11.2.2)."""

WIDTH, HEIGHT = 480, 270
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 14, 36
POINTS = 600
"""Points of a curve, at most: more would be less than a pixel apart."""


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return an image file of pixels, shape (height, width) or (height, width, 3 or 4)."""
    height, width, channels = pixels.reshape(*pixels.shape[:2], -1).shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    data = zlib.compress(rows.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def image(pixels: npt.NDArray[np.uint8], alt: str, **attributes: str) -> Html:
    """Return an image element that holds its pixels."""
    source = "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
    return tag("img", src=source, alt=alt, width=pixels.shape[1], height=pixels.shape[0], **attributes)


def ink(values: Array) -> npt.NDArray[np.uint8]:
    """Return an image of values from 0 to 1 as pixels: grey ones dark on white, colours as they are."""
    bright = values if values.ndim == 3 else 1 - values
    return np.asarray(np.rint(255 * bright), np.uint8)


def signed(values: Array) -> npt.NDArray[np.uint8]:
    """Return values from -1 to 1 as pixels: blue below zero, red above, transparent at it."""
    pixels = np.empty((*values.shape, 4), np.uint8)
    pixels[..., :3] = np.where((values < 0)[..., None], BLUE, RED)
    pixels[..., 3] = np.rint(255 * np.abs(values))
    return pixels


def chart(
    title: str, at: Sequence[float], lines: Mapping[str, Sequence[float | None]], name: str, percent: bool
) -> Html:
    """Draw curves over epochs or steps: the first a line, the second dashes."""
    values = [float(v) for line in lines.values() for v in line if v is not None and math.isfinite(v)]
    x_ticks, y_ticks = ticks(min(at), max(at), 6, whole=True), ticks(min(values), max(values), 5)
    x_low, x_high, y_low, y_high = min(at), max(at), min(values), max(values)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low) if x_high > x_low else 0.5
        up = (y - y_low) / (y_high - y_low) if y_high > y_low else 0.5
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 1), round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1)
        )  # fmt: skip

    parts = []
    for tick in y_ticks:
        _, y = place(x_low, tick)
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        text = f"{100 * tick:.4g} %" if percent else f"{tick:.4g}"
        parts.append(tag("text", text, x=LEFT - 6, y=y + 4, text_anchor="end"))
    for tick in x_ticks:
        parts.append(tag("text", f"{tick:,.0f}", x=place(tick, y_low)[0], y=HEIGHT - BOTTOM + 15, text_anchor="middle"))
    parts.append(tag("text", name, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 3, text_anchor="middle"))
    for number, line in enumerate(lines.values()):
        parts += _curve([place(x, y) if y is not None and math.isfinite(y) else None
                         for x, y in _thinned(at, line)], f"curve-{number}")  # fmt: skip
    ends = "; ".join(f"{key} ends at {_number(line[-1], percent)}" for key, line in lines.items())
    svg = tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=f"{title}: {ends}")
    legend = [tag("span", key, class_=f"key curve-{number}") for number, key in enumerate(lines)]
    return tag("figure", tag("figcaption", title, " ", *legend), svg)


def _number(value: float | None, percent: bool) -> str:
    if value is None or not math.isfinite(value):
        return "unknown"
    return f"{100 * value:.2f} %" if percent else f"{value:.4g}"


def _thinned(at: Sequence[float], line: Sequence[float | None]) -> list[tuple[float, float | None]]:
    step = -(-len(at) // POINTS)
    points = list(zip(at, line, strict=True))
    return points[::step] if (len(points) - 1) % step == 0 else [*points[::step], points[-1]]


def _curve(points: list[tuple[float, float] | None], kind: str) -> list[Html]:
    """Return a line for each run of points, and a dot for a point that stands alone."""
    runs = [list(run) for there, run in groupby(points, lambda point: point is not None) if there]
    parts = []
    for run in runs:
        pairs = [point for point in run if point is not None]
        if len(pairs) == 1:
            parts.append(tag("circle", cx=pairs[0][0], cy=pairs[0][1], r=3, class_=kind))
        else:
            parts.append(tag("polyline", points=" ".join(f"{x:g},{y:g}" for x, y in pairs), class_=kind))
    return parts


def ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """Return about so many round numbers within an interval, at steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    step = max(step, 1.0) if whole else step
    return [round(i * step, 12) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
