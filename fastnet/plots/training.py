"""Metrics of training over its epochs, and losses over learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fastnet.plots.figure import ACTUAL, PREDICTED, new_figure
from fastnet.training.history import History

METRICS = ("loss", "accuracy", "validation_loss", "validation_accuracy")
MARKED = 40
"""Curves of as many points have them marked."""


def curves(history: History | Mapping[str, Sequence[float | None]], *, validation: str = "validation") -> Figure:
    """Draw loss and accuracy over the epochs, of training (a line) and validation (dashes).

    Parameters
    ----------
    history : History or mapping of str to sequence of float
        What `Trainer.fit` returned; or metrics of the same names, "loss", "accuracy", "validation_loss" and
        "validation_accuracy", of which those that are missing, or None throughout, are left out; "epoch" or "step"
        may say what they were taken at.
    validation : str, default "validation"
        What the data of validation is called.

    Returns
    -------
    Figure
        An axes of losses, and one of accuracies if there are any.

    Raises
    ------
    ValueError
        If there is nothing to draw, or metrics differ in number.

    Examples
    --------
    >>> from fastnet import plots
    >>> figure = plots.curves({"loss": [0.9, 0.4], "accuracy": [0.5, 0.8], "validation_accuracy": [0.4, 0.7]})
    >>> [axes.get_title() for axes in figure.axes], [line.get_label() for line in figure.axes[1].lines]
    (['loss', 'accuracy'], ['training', 'validation'])
    """
    at, name, found = _metrics(history)
    kinds = [kind for kind in ("loss", "accuracy") if kind in found or f"validation_{kind}" in found]
    if not kinds:
        raise ValueError(f"history must hold some of {', '.join(METRICS)}, and at least one epoch")
    figure = new_figure(5.2 * len(kinds), 3.8)
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        lines = {"training": kind, validation: f"validation_{kind}"}
        for (label, key), colour, style in zip(lines.items(), (ACTUAL, PREDICTED), ("-", "--"), strict=True):
            if key in found:
                axes.plot(at, found[key], style, color=colour, label=label, marker="o" if len(at) <= MARKED else "",
                          markersize=3)  # fmt: skip
        _decorate(axes, kind, name)
    return figure


def _decorate(axes: Axes, kind: str, name: str) -> None:
    axes.set(title=kind, xlabel=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    if kind == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _metrics(
    history: History | Mapping[str, Sequence[float | None]],
) -> tuple[npt.NDArray[Any], str, dict[str, npt.NDArray[Any]]]:
    """Return where metrics were taken, what that is called, and the metrics that there are."""
    if isinstance(history, History):
        given: Mapping[str, Sequence[float | None]] = {
            "epoch": [epoch.number for epoch in history.epochs],
            **{key: getattr(history, key) for key in METRICS},
        }
    elif isinstance(history, Mapping):
        given = history
    else:
        raise TypeError(f"history must be a History or a mapping of numbers, got {type(history).__name__}")
    found = {key: np.array(given[key], np.float64) for key in METRICS if given.get(key) is not None}  # None: NaN
    found = {key: values for key, values in found.items() if np.isfinite(values).any()}
    n_points = len(next(iter(found.values()), ()))
    name = "step" if "step" in given else "epoch"
    at = np.array(given.get(name, range(1, n_points + 1)), np.float64)
    for key, values in {name: at, **found}.items():
        if found and values.shape != (n_points,):
            raise ValueError(f"history must hold as many numbers of each kind, got {values.shape} of {key}")
    return at, name, found


def lr_finder(result: Any) -> Figure:
    """Draw the loss over the learning rate, as a search for a learning rate has found it (Smith, 2017).

    Parameters
    ----------
    result : object
        With arrays `lrs` and `losses` of the same length, and the suggested rate `suggestion`, or None for none.

    Returns
    -------
    Figure
        With one axes; a vertical line marks the suggestion.

    Raises
    ------
    ValueError
        For arrays that differ in length, or hold no finite loss.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from fastnet import plots
    >>> found = SimpleNamespace(lrs=[0.001, 0.01, 0.1], losses=[2.3, 1.1, 5.0], suggestion=0.01)
    >>> plots.lr_finder(found).axes[0].get_title()
    'suggested learning rate: 0.01'
    """
    lrs, losses = np.asarray(result.lrs, np.float64), np.asarray(result.losses, np.float64)
    if lrs.ndim != 1 or lrs.shape != losses.shape:
        raise ValueError(f"lrs and losses must be vectors of the same length, got {lrs.shape} and {losses.shape}")
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        raise ValueError("losses must hold a finite one, got none")
    figure = new_figure(6, 4)
    axes = figure.subplots()
    axes.plot(lrs, losses, color=ACTUAL)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    low, first = float(finite.min()), float(finite[0])
    span = max(first - low, 1e-3 * abs(low), 1e-12)
    axes.set_ylim(low - 0.1 * span, first + 0.5 * span)  # what diverges would flatten the rest
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if result.suggestion is not None:
        axes.axvline(result.suggestion, color=PREDICTED, linestyle="--")
        axes.set_title(f"suggested learning rate: {result.suggestion:.3g}")
    return figure
