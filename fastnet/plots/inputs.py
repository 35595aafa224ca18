"""Samples with what they are and what a model takes them for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from fastnet.inspection.classes import checked_classes, checked_probabilities, class_names, most_confident_mistakes
from fastnet.plots.figure import PREDICTED, new_figure, plain
from fastnet.plots.grid import caption, checked_grid, draw_grid, draw_input, names_of, some_classes
from fastnet.validation import training as training_checks


def samples(
    X: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    predicted: npt.ArrayLike | None = None,
    *,
    image_shape: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    rows: int = 3,
    columns: int = 3,
) -> Figure:
    r"""Draw a grid of samples with their actual and predicted labels; wrong ones have a cross and a dashed frame.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features) or (n_samples, height, width)
        Samples, of which the first rows * columns are drawn.
    y, predicted : array_like of int, shape (n_samples,), optional
        Classes from 0.
    image_shape : sequence of int, optional
        (height, width) or (height, width, channels) of a sample. Without it, a sample that is no matrix is drawn
        as bars of its features.
    labels : sequence of str, optional
        Names of the classes.
    feature_names : sequence of str, optional
        Names of the features, written where they fit.
    rows, columns : int, default 3
        Size of the grid; rows without a sample are left out.

    Returns
    -------
    Figure
        An axes for each sample.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names.

    Examples
    --------
    >>> from fastnet import plots
    >>> from fastnet.datasets import load_digits
    >>> digits = load_digits()
    >>> figure = plots.samples(digits.X[:2], digits.y[:2], [0, 7], image_shape=digits.image_shape)
    >>> [axes.get_title() for axes in figure.axes]
    ['actual 0\npredicted 0 ✓', 'actual 1\npredicted 7 ✗']
    """
    n_shown, shape, values = checked_grid(X, image_shape, rows, columns)
    actual = None if y is None else some_classes("y", y, len(values), n_shown)
    predictions = None if predicted is None else some_classes("predicted", predicted, len(values), n_shown)
    names = names_of(labels, [part for part in (actual, predictions) if part is not None])
    captions = [
        caption(names, None if actual is None else int(actual[i]), None if predictions is None else int(predictions[i]))
        for i in range(n_shown)
    ]
    wrong = [actual is not None and predictions is not None and actual[i] != predictions[i] for i in range(n_shown)]
    return draw_grid(values[:n_shown], captions, wrong, shape, feature_names, columns)


def mistakes(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    *,
    image_shape: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    rows: int = 3,
    columns: int = 3,
) -> Figure:
    r"""Draw the samples that a model is most sure about, and wrong.

    Parameters
    ----------
    X, y
        All samples and their classes, as for `samples`.
    probabilities : array_like, shape (n_samples, n_classes)
        What the model gives each class.
    image_shape, labels, feature_names, rows, columns
        As for `samples`.

    Returns
    -------
    Figure
        An axes for each mistake, the most confident first, under the sample's index; a single one that says so if
        there are none.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names.

    Examples
    --------
    >>> from fastnet import plots
    >>> figure = plots.mistakes([[0, 1], [1, 0], [1, 1]], [0, 0, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> [axes.get_title() for axes in figure.axes]
    ['#1: actual 0\npredicted 1 ✗ 80 %', '#2: actual 1\npredicted 0 ✗ 60 %']
    """
    _, shape, values = checked_grid(X, image_shape, rows, columns)
    given = checked_probabilities(probabilities)
    names = class_names(labels, given.shape[1])
    wrong = most_confident_mistakes(y, given)[: rows * columns]
    if len(values) != len(given):
        raise ValueError(f"probabilities must have a row for each of {len(values)} samples, got {len(given)}")
    if not len(wrong):
        figure = new_figure(4, 1.5)
        axes = figure.subplots()
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"no mistakes in {len(values):,} samples", ha="center", va="center")
        return figure
    captions = [
        f"#{i}: {caption(names, int(np.asarray(y)[i]), int(given[i].argmax()))} {100 * given[i].max():.0f} %"
        for i in wrong
    ]
    return draw_grid(values[wrong], captions, [True] * len(wrong), shape, feature_names, columns)


def digit(
    x: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    y: int | None = None,
    *,
    image_shape: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    top: int = 10,
) -> Figure:
    r"""Draw one sample, and the probabilities of its most probable classes as bars.

    Parameters
    ----------
    x : array_like, shape (n_features,) or (height, width)
        The sample.
    probabilities : array_like, shape (n_classes,)
        What the model gives each class.
    y : int, optional
        The actual class, whose bar is hatched.
    image_shape, labels, feature_names
        As for `samples`.
    top : int, default 10
        Classes that have bars, at most: the most probable ones, in the order of the classes.

    Returns
    -------
    Figure
        With an axes of the sample and one of the bars.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names.

    Examples
    --------
    >>> from fastnet import plots
    >>> figure = plots.digit([[0, 1], [1, 0]], [0.25, 0.75], y=1, labels=["cat", "dog"])
    >>> figure.get_suptitle(), len(figure.axes[1].patches)
    ('actual dog\npredicted dog ✓', 2)
    """
    _, shape, values = checked_grid(np.asarray(x)[None], image_shape, 1, 1)
    given = checked_probabilities(np.asarray(probabilities)[None])[0]
    training_checks.whole("top", top, 1)
    names = class_names(labels, len(given))
    if y is not None:
        checked_classes("y", [y], len(given))
    shown = np.sort(np.argsort(-given, kind="stable")[:top])
    figure = new_figure(7.5, max(3.6, 0.28 * len(shown) + 0.9))
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    draw_input(left, values[0], shape, feature_names)
    answer = int(given.argmax())
    figure.suptitle(caption(names, y, answer), fontsize=11)
    colours = [PREDICTED if i == answer else "0.65" for i in shown]
    bars = right.barh(range(len(shown)), given[shown], color=colours)
    for bar, i in zip(bars, shown, strict=True):
        bar.set_hatch("//" if i == y else "")
        right.annotate(
            f"{100 * given[i]:.1f} %", (given[i], bar.get_y() + bar.get_height() / 2), xytext=(3, 0),
            textcoords="offset points", va="center", fontsize=8,
        )  # fmt: skip
    right.set_yticks(range(len(shown)), [plain(names[i]) for i in shown])
    right.set(xlim=(0, 1.15), xlabel="probability" if y is None else "probability (hatched: actual)")
    right.invert_yaxis()
    right.spines[["top", "right"]].set_visible(False)
    return figure
