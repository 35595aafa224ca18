"""Linear layers, compiled on the register tile. The maths stands in `fastnet.reference.linear`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import kernel
from fastnet.kernels.activations import relu_backward
from fastnet.kernels.runtime.arrays import fill, flat, read_only
from fastnet.kernels.tile.direct import linear_gradients
from fastnet.kernels.tile.products import SMALL, multiply
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray


@kernel
def _sum_rows(x: Any, total: Any) -> None:
    total[:] = 0
    for i in range(x.shape[0]):
        row = x[i]
        for j in range(total.size):
            total[j] += row[j]


def linear_forward(x: FloatArray, W: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """x @ W + b; the bias is added before a sum leaves its register."""
    return multiply(x, W, b, out=checks.linear_forward(x, W, b, out))


def linear_backward(
    dz: FloatArray, x: FloatArray, W: FloatArray, out: tuple[FloatArray, FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """dz @ W.T, x.T @ dz and the sum of dz over samples; what lies the other way is read so, or transposed."""
    dx, dW, db = checks.linear_backward(x, W, out, dz=dz)
    return _gradients(dz, x, W, dx, dW, db)


def linear_relu_forward(x: FloatArray, W: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """max(0, x @ W + b); bias and ReLU are applied before a sum leaves its register."""
    return multiply(x, W, b, relu=True, out=checks.linear_forward(x, W, b, out))


def linear_relu_backward(
    dy: FloatArray,
    y: FloatArray,
    x: FloatArray,
    W: FloatArray,
    out: tuple[FloatArray, FloatArray, FloatArray] | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of the layer and its ReLU; y masks dy once, for all three of them."""
    dx, dW, db = checks.linear_backward(x, W, out, dy=dy, y=y)
    return _gradients(relu_backward(dy, y), x, W, dx, dW, db)


def _gradients(
    dz: FloatArray, x: FloatArray, W: FloatArray, dx: FloatArray, dW: FloatArray, db: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    (n_rows, n_in), n_out = x.shape, W.shape[1]
    is_small = n_rows * W.size <= SMALL
    if is_small and dx.flags.c_contiguous and dW.flags.c_contiguous and db.flags.c_contiguous:
        scratch = np.empty(W.size, W.dtype)
        targets = dx.ravel(), dW.ravel(), db
        linear_gradients(flat(dz), flat(x), flat(W), *targets, scratch, flat(scratch), (n_rows, n_in, n_out, 1))
    else:
        multiply(dz, W.T, out=dx)
        multiply(x.T, dz, out=dW)
        fill(db, _sum_rows, read_only(dz))
    return dx, dW, db
