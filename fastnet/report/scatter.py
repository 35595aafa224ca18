"""Points and counts as SVG within a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.report.html import Html, tag
from fastnet.report.pictures import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, ticks

Array = npt.NDArray[Any]

POINTS = 2000
"""Points that are drawn, spread over all: more are a blot."""
BINS = 40


class _Frame:
    """Where numbers of two ranges are drawn."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x, self.y = (_widened(*x), _widened(*y))

    def place(self, x: float, y: float) -> tuple[float, float]:
        across, up = (self._share(x, self.x), self._share(y, self.y))
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 1), round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1)
        )  # fmt: skip

    @staticmethod
    def _share(value: float, ends: tuple[float, float]) -> float:
        return (value - ends[0]) / (ends[1] - ends[0])

    def axes(self, x_name: str, y_name: str) -> list[Html]:
        """Return lines and numbers of the axes, and what they are called."""
        parts = []
        for tick in ticks(*self.y, 5):
            _, y = self.place(self.x[0], tick)
            parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
            parts.append(tag("text", f"{tick:.4g}", x=LEFT - 6, y=y + 4, text_anchor="end"))
        for tick in ticks(*self.x, 5):
            x, _ = self.place(tick, self.y[0])
            parts.append(tag("text", f"{tick:.4g}", x=x, y=HEIGHT - BOTTOM + 15, text_anchor="middle"))
        parts.append(tag("text", x_name, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 3, text_anchor="middle"))
        parts.append(tag("text", y_name, x=LEFT, y=TOP - 4, text_anchor="start"))
        return parts


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return a range that is no point."""
    return (low, high) if high > low else (low - max(abs(low), 1.0) / 2, low + max(abs(low), 1.0) / 2)


def scatter(title: str, x: Array, y: Array, x_name: str, y_name: str, diagonal: bool = False) -> Html:
    """Draw points, and the line where both numbers are the same, or where the second is 0."""
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    frame = _Frame((float(x.min()), float(x.max())), (float(low), float(high)) if diagonal else _ends_with_zero(y))
    parts = frame.axes(x_name, y_name)
    step = -(-len(x) // POINTS)
    for across, up in zip(x[::step].tolist(), y[::step].tolist(), strict=True):
        cx, cy = frame.place(across, up)
        parts.append(tag("circle", cx=cx, cy=cy, r=2, class_="point"))
    ends = [(end, end if diagonal else 0.0) for end in frame.x]
    parts.append(_line([frame.place(*end) for end in ends]))
    return _figure(title, parts, f"{title}: {len(x):,} samples")


def histogram(title: str, values: Array, name: str) -> Html:
    """Draw how many values lie in each of some ranges of one width."""
    counts, edges = np.histogram(values, BINS)
    frame = _Frame((float(edges[0]), float(edges[-1])), (0.0, float(counts.max())))
    parts = frame.axes(name, "samples")
    for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        x, y = frame.place(left, count)
        width, bottom = frame.place(right, 0.0)[0] - x, frame.place(left, 0.0)[1]
        parts.append(tag("rect", x=x, y=y, width=round(max(width - 1, 0.5), 1), height=round(bottom - y, 1),
                         class_="bar"))  # fmt: skip
    return _figure(title, parts, f"{title}: most of {len(values):,} samples about {_middle(counts, edges):.4g}")


def _middle(counts: Array, edges: Array) -> float:
    most = int(counts.argmax())
    return float(edges[most] + edges[most + 1]) / 2


def _ends_with_zero(values: Array) -> tuple[float, float]:
    return min(float(values.min()), 0.0), max(float(values.max()), 0.0)


def _line(points: Sequence[tuple[float, float]]) -> Html:
    return tag("polyline", points=" ".join(f"{x:g},{y:g}" for x, y in points), class_="curve-1")


def _figure(title: str, parts: Sequence[Html], label: str) -> Html:
    svg = tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label)
    return tag("figure", tag("figcaption", title), svg)
