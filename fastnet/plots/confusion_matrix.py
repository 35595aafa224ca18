"""The confusion matrix, from 2 classes to hundreds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from fastnet.inspection.classes import checked_classes, class_names, confusion_matrix
from fastnet.plots.figure import new_figure, plain

NUMBERED = 20
"""As many classes have numbers in their cells."""
NAMED = 110
"""Of more classes, not all have their name at the axes."""


def confusion(y: npt.ArrayLike, predicted: npt.ArrayLike, *, labels: Sequence[str] | None = None) -> Figure:
    """Draw the confusion matrix: how many samples of each class (rows) are taken for which (columns).

    The darkness of a cell is its share of the samples of the row, on a scale that shows rare mistakes. Numbers stand
    in the cells of up to 20 classes.

    Parameters
    ----------
    y, predicted : array_like of int, shape (n_samples,)
        Actual and predicted classes, from 0.
    labels : sequence of str, optional
        Names of the classes.

    Returns
    -------
    Figure
        With an axes of the matrix, whose image holds the shares, and one of the scale.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names.

    Examples
    --------
    >>> from fastnet import plots
    >>> figure = plots.confusion([0, 1, 1, 1], [0, 1, 1, 0], labels=["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts], figure.axes[0].get_title()
    (['1', '0', '1', '2'], '4 samples, accuracy 75.00 %')
    """
    classes = checked_classes("y", y), checked_classes("predicted", predicted)
    n_classes = 1 + max((int(part.max()) for part in classes if part.size), default=0)
    n_classes = n_classes if labels is None else len(labels)
    names, matrix = class_names(labels, n_classes), confusion_matrix(*classes, n_classes)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = min(max(4.0, 0.42 * n_classes + 1.5 + 0.05 * min(max(map(len, names)), 24)), 14.0)
    figure = new_figure(size + 1, size)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    figure.colorbar(image, ax=axes, label="share of the actual class", shrink=0.7, ticks=(0, 0.01, 0.05, 0.2, 0.5, 1))
    if n_classes <= NUMBERED:
        _write_numbers(axes, matrix, shares)
    _name_axes(axes, names)
    n_samples = int(matrix.sum())
    accuracy = f", accuracy {100 * matrix.trace() / n_samples:.2f} %" if n_samples else ""
    axes.set_title(f"{n_samples:,} sample{'' if n_samples == 1 else 's'}{accuracy}", fontsize=10)
    return figure


def _write_numbers(axes: Axes, matrix: npt.NDArray[np.int64], shares: npt.NDArray[Any]) -> None:
    longest = len(f"{matrix.max(initial=0)}")
    for (row, column), count in np.ndenumerate(matrix):
        axes.text(
            column, row, str(count), ha="center", va="center", fontsize=min(9, 34 / max(longest, 4)),
            color="white" if shares[row, column] > 0.4 else "black" if count else "0.6",
        )  # fmt: skip


def _name_axes(axes: Axes, names: list[str]) -> None:
    n = len(names)
    shown = np.arange(0, n, -(-n // NAMED))
    texts = [plain(names[i]) for i in shown]
    font = 9 if n <= NUMBERED else max(5.0, min(9.0, 550 / n))
    slanted = max(map(len, texts)) > (4 if n <= NUMBERED else 1)  # else names stand beside each other
    turned: dict[str, Any] = {"rotation": 90 if n > NUMBERED else 40}
    turned |= {"ha": "center"} if n > NUMBERED else {"ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(shown, texts, fontsize=font, **(turned if slanted else {}))
    axes.set_yticks(shown, texts, fontsize=font)
    axes.set(xlabel="predicted", ylabel="actual")
