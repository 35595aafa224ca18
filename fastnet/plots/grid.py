"""A grid of samples, each as an image or as bars of its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fastnet.inspection.classes import checked_classes, class_names
from fastnet.inspection.images import as_images, feature_rows, picture_shape
from fastnet.plots.figure import ACTUAL, PREDICTED, new_figure, plain
from fastnet.validation import training as training_checks

NAMED_FEATURES = 20
"""As many features have their names beside their bars."""


def checked_grid(
    X: npt.ArrayLike, image_shape: Sequence[int] | None, rows: int, columns: int
) -> tuple[int, tuple[int, ...] | None, npt.NDArray[Any]]:
    """Return how many samples are shown, the shape of a picture, and samples as rows."""
    training_checks.whole("rows", rows, 1)
    training_checks.whole("columns", columns, 1)
    values = feature_rows(X)
    if not values.size:
        raise ValueError(f"X must hold at least one sample and one feature, got {np.shape(X)}")
    given = np.shape(X)[1:]
    image_shape = given if image_shape is None and len(given) > 1 else image_shape
    shape = None if image_shape is None else picture_shape(image_shape, values.shape[1])
    return min(len(values), rows * columns), shape, values


def some_classes(name: str, y: npt.ArrayLike, n_samples: int, n_shown: int) -> npt.NDArray[np.int64]:
    """Return the first of the classes, of which there must be enough."""
    classes = checked_classes(name, y)
    if len(classes) != n_samples:
        raise ValueError(f"{name} must have a class for each of {n_samples} samples, got {len(classes)}")
    return classes[:n_shown]


def names_of(labels: Sequence[str] | None, classes: list[npt.NDArray[np.int64]]) -> list[str]:
    """Return names of the classes, of which there are at least as many as the largest one says."""
    n_classes = 1 + max((int(part.max()) for part in classes if part.size), default=-1)
    if labels is not None and len(labels) < n_classes:
        raise ValueError(f"labels must hold a name for each class up to {n_classes - 1}, got {len(labels)}")
    return class_names(labels, n_classes if labels is None else len(labels))


def caption(names: list[str], actual: int | None, predicted: int | None) -> str:
    """Name a sample's class and its prediction, a line each."""
    lines = [] if actual is None else [f"actual {plain(names[actual], 18)}"]
    if predicted is not None:
        sign = "" if actual is None else " ✓" if actual == predicted else " ✗"
        lines.append(f"predicted {plain(names[predicted], 18)}{sign}")
    return "\n".join(lines)


def draw_grid(
    values: npt.NDArray[Any], captions: list[str], wrong: Sequence[bool], shape: tuple[int, ...] | None,
    feature_names: Sequence[str] | None, columns: int,
) -> Figure:  # fmt: skip
    """Draw samples row by row, on one scale of brightness; not only the colour marks the wrong ones."""
    columns = min(columns, len(values))
    rows = -(-len(values) // columns)
    longest = max((len(line) for caption in captions for line in caption.split("\n")), default=0)
    margin = 0.25 if shape is not None else 1.1  # names of features
    figure = new_figure(columns * max(1.5, 0.075 * longest + margin), rows * 1.9)
    axes_list = figure.subplots(rows, columns, squeeze=False).ravel()
    limits = float(values.min()), float(values.max())
    for axes, x, title, is_wrong in zip(axes_list, values, captions, wrong, strict=False):
        draw_input(axes, x, shape, feature_names, limits)
        axes.set_title(title, fontsize=8, color=PREDICTED if is_wrong else "black")
        if is_wrong:
            for spine in axes.spines.values():
                spine.set(visible=True, linestyle="--", linewidth=1.8, edgecolor=PREDICTED)
    for axes in axes_list[len(values) :]:
        axes.remove()
    return figure


def draw_input(
    axes: Axes, x: npt.NDArray[Any], shape: tuple[int, ...] | None, feature_names: Sequence[str] | None,
    limits: tuple[float, float] | None = None,
) -> None:  # fmt: skip
    """Draw a sample: as an image, or as bars of its features."""
    if shape is not None:
        low, high = limits or (float(x.min()), float(x.max()))
        image = as_images(x[None], shape)[0] if len(shape) == 3 else x.reshape(shape)
        axes.imshow(image, cmap="gray_r", vmin=low, vmax=max(high, low + 1e-9), interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    names = [f"x{i}" for i in range(len(x))] if feature_names is None else list(feature_names)
    if len(names) != len(x):
        raise ValueError(f"feature_names must hold a name for each of {len(x)} features, got {len(names)}")
    axes.barh(range(len(x)), x, color=ACTUAL)
    named = len(x) <= NAMED_FEATURES
    axes.set_yticks(range(len(x)) if named else [], [plain(name, 14) for name in names] if named else [])
    axes.tick_params(labelsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.invert_yaxis()
    axes.axvline(0, color="0.3", linewidth=0.8)
