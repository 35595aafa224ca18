"""A model's layers, what is done to its inputs worked into the first, for libraries that know layers alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.models.model import Model

Layers = list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]


def folded_layers(model: Model) -> Layers:
    """Return W (in, out) and b (out,) of every layer, the network's dtype, for inputs as the data held them.

    ((x - shift) * scale) @ W + b is x @ (scale * W) + (b - (shift * scale) @ W); worked out in float64.
    """
    if model.table is not None:
        raise ValueError(
            "the model takes a table, whose encoding is no layer: expected another format, such as ONNX, or "
            "model.without_table(), which takes what model.prepare(X) returns"
        )
    network = model.network
    layers: Layers = [(W.copy(), b.copy()) for W, b in zip(network.weights, network.biases, strict=True)]
    shift, scale = np.zeros(network.sizes[0]), np.full(network.sizes[0], network.input_scale)
    if model.preprocessing is not None:
        shift, scale = model.preprocessing.shift, model.preprocessing.scale * network.input_scale
    W, b = (array.astype(np.float64) for array in layers[0])
    layers[0] = (scale[:, None] * W).astype(network.dtype), (b - (shift * scale) @ W).astype(network.dtype)
    return layers
