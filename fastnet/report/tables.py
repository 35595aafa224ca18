"""Classes in tables: confusion, metrics of each, and what is confused most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.inspection.classes import class_metrics, shortened
from fastnet.report.html import Html, captioned, table, tag
from fastnet.report.pictures import BLUE, image

Counts = npt.NDArray[np.int64]

NUMBERED = 20
"""As many classes have a table of their confusion; more have a picture."""
CONFUSED = 15
"""Pairs of classes that are listed beside such a picture."""


def percent(share: float | None) -> str:
    """Return a share as text."""
    return "-" if share is None else f"{100 * share:.2f} %"


def confusion(matrix: Counts, names: Sequence[str]) -> Html:
    """Show how many samples of each class (rows) are predicted as each class (columns)."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    if len(names) <= NUMBERED:
        return _numbers(matrix, shares, names)
    pixels = np.empty((*matrix.shape, 4), np.uint8)
    pixels[..., :3] = BLUE
    pixels[..., 3] = np.rint(255 * np.sqrt(shares))
    n = len(names)
    caption = f"Confusion of {n} classes: actual from top to bottom, predicted from left to right; darker is more."
    picture = image(pixels, f"Confusion matrix of {n} classes; those confused most are listed below", class_="matrix")
    return tag("div", tag("figure", picture, tag("figcaption", caption)), _most_confused(matrix, shares, names))


def _numbers(matrix: Counts, shares: npt.NDArray[Any], names: Sequence[str]) -> Html:
    caption = "Confusion matrix: actual class (rows), predicted class (columns)"
    head = [tag("th", tag("span", shortened(name, 24), title=name), scope="col") for name in names]
    rows = []
    for name, counts, row in zip(names, matrix.tolist(), shares.tolist(), strict=True):
        cells = [
            tag("td", f"{count:,}", style=f"background:rgb({BLUE[0]} {BLUE[1]} {BLUE[2]} / {70 * share**0.5:.0f}%)")
            for count, share in zip(counts, row, strict=True)
        ]
        rows.append(tag("tr", tag("th", shortened(name, 24), scope="row", title=name), *cells))
    corner = tag("td", "")
    whole = tag("table", tag("thead", tag("tr", corner, *head)), tag("tbody", *rows),
                class_="confusion long" if max(map(len, names)) > 4 else "confusion")  # fmt: skip
    return captioned(caption, whole)


def _most_confused(matrix: Counts, shares: npt.NDArray[Any], names: Sequence[str]) -> Html:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSED]
    pairs = [divmod(int(i), len(names)) for i in order if wrong.flat[i]]
    rows = [[names[a], shortened(names[b], 32), f"{wrong[a, b]:,}", percent(float(shares[a, b]))] for a, b in pairs]
    return table("Confused most", ("actual", "predicted", "samples", "share of the class"), rows)


def classes(matrix: Counts, names: Sequence[str]) -> Html:
    """Show the metrics of each class."""
    rows = [
        [name, f"{row.samples:,}", percent(row.precision), percent(row.recall), percent(row.f1)]
        for name, row in zip(names, class_metrics(matrix), strict=True)
    ]
    return table("Classes", ("class", "samples", "precision", "recall", "F1"), rows)
