"""Inference of a few rows: no packing, no team, no more Python than a call.

A row of weights is added to the outputs, times its input, four rows at a time: weights are read once, from front to
back, which is all that one row of inputs leaves to be done well. Each output is the same chain of fused multiply-adds
as in a tile, so a row's result is the same bits as among others.
"""

from __future__ import annotations

from typing import Any

from fastnet._jit import inlined, kernel
from fastnet.kernels.activations import activate
from fastnet.kernels.elementary import fma

MOST_ROWS = 3
"""Rows up to which this is faster than packing the weights first."""


@inlined
def _layer(weights: Any, x: Any, n_in: int, n_out: int, z: Any) -> None:
    """Write x @ W + b to z, with W and b one after the other in `weights`."""
    for j in range(n_out):
        z[j] = 0
    for k in range(0, n_in - n_in % 4, 4):
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        w0, w1 = weights[k * n_out : (k + 1) * n_out], weights[(k + 1) * n_out : (k + 2) * n_out]
        w2, w3 = weights[(k + 2) * n_out : (k + 3) * n_out], weights[(k + 3) * n_out : (k + 4) * n_out]
        for j in range(n_out):
            z[j] = fma(x3, w3[j], fma(x2, w2[j], fma(x1, w1[j], fma(x0, w0[j], z[j]))))
    for k in range(n_in - n_in % 4, n_in):
        row = weights[k * n_out : (k + 1) * n_out]
        for j in range(n_out):
            z[j] = fma(x[k], row[j], z[j])
    bias = weights[n_in * n_out : (n_in + 1) * n_out]
    for j in range(n_out):
        z[j] += bias[j]


@kernel
def predict_rows(parameters: Any, x: Any, scale: float, sizes: Any, codes: Any, buffers: Any, logits: Any) -> int:
    """Write the logits of every row of x; return the class with the largest one of the last row, -1 for a NaN.

    `codes` are those of the activation after each layer, `buffers` (2, widest layer) is working memory.
    """
    real = parameters.dtype.type
    factor = real(scale)
    best = 0
    for r in range(x.shape[0]):
        source, target = buffers[0], buffers[1]
        for k in range(sizes[0]):
            source[k] = real(x[r, k]) * factor
        start = 0
        for layer in range(codes.size):
            n_in, n_out = sizes[layer], sizes[layer + 1]
            size = (n_in + 1) * n_out
            _layer(parameters[start : start + size], source, n_in, n_out, target)
            activate(codes[layer], target[:n_out])
            source, target = target, source
            start += size
        best = 0
        for j in range(logits.shape[1]):
            logits[r, j] = source[j]
            if source[j] > source[best]:
                best = j
        for j in range(logits.shape[1]):
            if source[j] != source[j]:
                best = -1
    return best
