"""Inference layer by layer, on weights as they lie: for a call in one thread, or too short for threads to pay.

Each layer is one product with its bias and ReLU (`fastnet.kernels.tile.products.multiply`), for so many rows at a time
that activations take a megabyte: with fewer, weights would be read, and packed, more often. Bits are those of the
blocks that threads share (`fastnet.kernels.step.inference.stages`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.kernels.activations import elementwise_forward
from fastnet.kernels.tile import products
from fastnet.kernels.tile.plain import multiply_plainly
from fastnet.reference.training import layer_slices
from fastnet.validation.operations import FloatArray

ACTIVATIONS_BYTES = 1024 * 1024
"""Bytes of a block's rows in the widest layer, at most, but for `FEWEST_ROWS`."""

FEWEST_ROWS = 64

LARGEST_WIDTH = 64
"""Width of layers up to which this is faster than two threads on micro-panels, of which they fill but a part."""


def is_short(sizes: Sequence[int], flop: int, team: int) -> bool:
    """Tell whether a call of so much work, for which so many threads would be taken, is best made layer by layer."""
    return team == 1 or flop < 2 * products.FLOP_PER_THREAD or (team <= 2 and max(sizes) <= LARGEST_WIDTH)


@lru_cache(maxsize=64)
def _described(sizes: tuple[int, ...], activations: tuple[str, ...]) -> tuple[tuple[int, ...], list[Any]]:
    """Return the sizes as plain integers, and for each layer where its W and b lie, W's shape, its activation."""
    widths = tuple(map(int, sizes))
    shapes = zip(layer_slices(sizes), pairwise(widths), (*activations, "identity"), strict=True)
    return widths, [(W, b, shape, name) for (W, b), shape, name in shapes]


def predict_by_layers(
    parameters: FloatArray, x: npt.NDArray[Any], sizes: Sequence[int], activations: Sequence[str], scale: float,
    logits: FloatArray,
) -> None:  # fmt: skip
    """Write the logits of all rows; arguments have been checked."""
    n_rows, widths, layers = len(x), *_described(tuple(sizes), tuple(activations))
    fitting = max(FEWEST_ROWS, ACTIVATIONS_BYTES // (parameters.itemsize * max(widths)))
    block = -(-n_rows // max(-(-n_rows // fitting), 1))
    weights = [(parameters[W].reshape(shape), parameters[b], name) for W, b, shape, name in layers]
    own_memory = [np.empty((block, width), parameters.dtype) for width in widths[:-1]]
    converts = x.dtype != parameters.dtype or scale != 1.0
    for first in range(0, n_rows, max(block, 1)):
        rows = x[first : first + block]
        n = len(rows)
        if converts:
            own_memory[0][:n] = rows
            rows = own_memory[0][:n]
            rows *= parameters.dtype.type(scale)
        targets = [*(memory[:n] for memory in own_memory[1:]), logits[first : first + n]]
        for (W, b, name), target in zip(weights, targets, strict=True):
            if multiply_plainly(rows, W, target, b, name == "relu") is None:
                products.multiply(rows, W, b, name == "relu", target, n_threads=1)
            rows = target
            if name not in ("identity", "relu"):
                elementwise_forward(name, target, rows)
