"""How much of what a model makes of a table depends on each of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.inference import Inference
from fastnet.inspection.values import permutation_importance, value_metrics
from fastnet.report.html import Html, section, table, tag

ROWS = 5000
"""Rows that are shuffled, at most."""
SHOWN = 40
"""Columns that are listed."""


def importance(
    model: Inference, X: npt.NDArray[Any], y: npt.NDArray[Any], groups: Mapping[str, Sequence[int]] | None
) -> Html:
    """Return a section about the columns of a table; nothing where inputs do not come from one."""
    if groups is None or len(y) < 2:
        return Html()
    X, y = X[:ROWS], y[:ROWS]

    def accuracy(inputs: npt.NDArray[Any]) -> float:
        return float(np.mean(model.predict(inputs) == y))

    def closeness(inputs: npt.NDArray[Any]) -> float:
        return -value_metrics(y, model.predict(inputs)).rmse

    is_number = y.dtype.kind == "f"
    found = permutation_importance(closeness if is_number else accuracy, X, groups)
    most = max([*map(abs, found.values()), 1e-12])
    what = "root mean squared error rises" if is_number else "accuracy falls"
    rows = []
    for name, fall in list(found.items())[:SHOWN]:
        shown = f"{fall:.5g}" if is_number else f"{100 * fall:.2f} %"
        rows.append([name, shown, _bar(max(fall, 0.0) / most)])
    caption = f"By how much the {what} where the values of one column are shuffled among {len(y):,} rows, mean of 5"
    return section("Importance of columns", table(caption, ("column", what, ""), rows))


def _bar(share: float) -> Html:
    bar = tag("rect", x=0, y=2, width=round(160 * share, 1), height=10, class_="bar")
    return tag("svg", bar, viewBox="0 0 160 14", style="width:160px", role="presentation")
