"""Linear layers, compiled on the register tile. The maths stands in `fastnet.reference.linear`."""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import kernel
from fastnet.kernels.activations import relu_backward
from fastnet.kernels.runtime.arrays import fill, read_only
from fastnet.kernels.tile.plain import layer_gradients_plainly, multiply_plainly
from fastnet.kernels.tile.products import multiply
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = ["linear_backward", "linear_forward", "linear_relu_backward", "linear_relu_forward"]


@kernel
def _sum_rows(x: Any, total: Any) -> None:
    total[:] = 0
    for i in range(x.shape[0]):
        row = x[i]
        for j in range(total.size):
            total[j] += row[j]


def linear_forward(x: FloatArray, W: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """x @ W + b; the bias is added before a sum leaves its register."""
    y = multiply_plainly(x, W, out, b)
    return multiply(x, W, b, out=checks.linear_forward(x, W, b, out)) if y is None else y


def linear_backward(
    dz: FloatArray, x: FloatArray, W: FloatArray, out: tuple[FloatArray, FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """dz @ W.T, x.T @ dz and the sum of dz over samples; what lies the other way is read so, or transposed."""
    plain = layer_gradients_plainly(dz, x, W, out)
    return _gradients(dz, x, W, *checks.linear_backward(x, W, out, dz=dz)) if plain is None else plain


def linear_relu_forward(x: FloatArray, W: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """max(0, x @ W + b); bias and ReLU are applied before a sum leaves its register."""
    y = multiply_plainly(x, W, out, b, True)
    return multiply(x, W, b, True, checks.linear_forward(x, W, b, out)) if y is None else y


def linear_relu_backward(
    dy: FloatArray,
    y: FloatArray,
    x: FloatArray,
    W: FloatArray,
    out: tuple[FloatArray, FloatArray, FloatArray] | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of the layer and its ReLU; y masks dy once, for all three of them."""
    plain: tuple[FloatArray, FloatArray, FloatArray] | None = layer_gradients_plainly(dy, x, W, out, y)
    if plain is not None:
        return plain
    gradients = checks.linear_backward(x, W, out, dy=dy, y=y)
    return _gradients(relu_backward(dy, y), x, W, *gradients)


def _gradients(
    dz: FloatArray, x: FloatArray, W: FloatArray, dx: FloatArray, dW: FloatArray, db: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    multiply(dz, W.T, out=dx)
    multiply(x.T, dz, out=dW)
    fill(db, _sum_rows, read_only(dz))
    return dx, dW, db
