"""What the units of the first layer look for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from fastnet.inspection.images import as_weight_images
from fastnet.network import Network
from fastnet.plots.figure import new_figure, plain
from fastnet.validation import training as training_checks

HEAT_FEATURES = 60
"""Features of a heat map, at most: their names must fit."""


def weights(
    network: Network | npt.ArrayLike,
    *,
    image_shape: Sequence[int] | None = None,
    feature_names: Sequence[str] | None = None,
    rows: int = 4,
    columns: int = 8,
) -> Figure:
    """Draw the weights of the first layer: an image for each unit, or a heat map of features and units.

    Parameters
    ----------
    network : Network or array_like, shape (n_features, n_units)
        The network, or the weights themselves.
    image_shape : sequence of int, optional
        (height, width) or (height, width, channels) of a sample, whose channels are averaged.
    feature_names : sequence of str, optional
        Names of the features, for the heat map that is drawn without `image_shape`.
    rows, columns : int
        Size of the grid of images: the first rows * columns units are drawn. A heat map shows as many.

    Returns
    -------
    Figure
        Red for positive weights, blue for negative ones, white for none; images each on a scale of their own.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names; for more than 60 features without
        `image_shape`.

    Examples
    --------
    >>> from fastnet import Network, plots
    >>> figure = plots.weights(Network([64, 10, 3], seed=0), image_shape=(8, 8), rows=2, columns=5)
    >>> len(figure.axes), figure.axes[0].images[0].get_array().shape
    (10, (8, 8))
    """
    training_checks.whole("rows", rows, 1)
    training_checks.whole("columns", columns, 1)
    W = network.weights[0] if isinstance(network, Network) else np.asarray(network)
    if W.ndim != 2 or not W.size or W.dtype.kind not in "iuf":
        raise ValueError(f"network must be a Network or weights (n_features, n_units), got {W.shape} of {W.dtype}")
    W = W[:, : rows * columns]
    if image_shape is None:
        return _heat_map(W, feature_names)
    images = as_weight_images(W, image_shape)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(1.1 * columns, 1.25 * rows)
    axes_list = figure.subplots(rows, columns, squeeze=False).ravel()
    for i, axes in enumerate(axes_list[: len(images)]):
        axes.imshow(images[i], cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"unit {i}", fontsize=7)
    for axes in axes_list[len(images) :]:
        axes.remove()
    return figure


def _heat_map(W: npt.NDArray[Any], feature_names: Sequence[str] | None) -> Figure:
    n_features, n_units = W.shape
    if n_features > HEAT_FEATURES:
        raise ValueError(
            f"image_shape is needed to draw weights of {n_features} features; a heat map has up to {HEAT_FEATURES}"
        )
    names = [f"x{i}" for i in range(n_features)] if feature_names is None else [str(name) for name in feature_names]
    if len(names) != n_features:
        raise ValueError(f"feature_names must hold a name for each of {n_features} features, got {len(names)}")
    figure = new_figure(max(5.0, 0.25 * n_units + 2.5), max(2.5, 0.25 * n_features + 1.2))
    axes = figure.subplots()
    limit = float(np.abs(W).max()) or 1.0
    image = axes.imshow(W, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=axes, label="weight")
    axes.set_yticks(range(n_features), [plain(name) for name in names], fontsize=8)
    axes.set(xlabel="unit of the first layer", ylabel="feature")
    return figure
