"""Batched matrix product, compiled on the register tile. The maths stands in `fastnet.reference.matmul`."""

from __future__ import annotations

import numpy as np

from fastnet.kernels.tile.plain import gradients_plainly, multiply_plainly
from fastnet.kernels.tile.products import multiply
from fastnet.reference.matmul import sum_to_shape
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = ["matmul_backward", "matmul_forward"]


def matmul_forward(a: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """(..., m, k) @ (..., k, n); broadcast matrices are read in place, never repeated in memory."""
    c = multiply_plainly(a, b, out)
    return multiply(a, b, out=checks.matmul_forward(a, b, out)) if c is None else c


def matmul_backward(
    dc: FloatArray, a: FloatArray, b: FloatArray, out: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """dc @ b.T and a.T @ dc for each matrix of the batch, summed over broadcast dimensions."""
    plain: tuple[FloatArray, FloatArray] | None = gradients_plainly(dc, a, b, out)
    if plain is not None:
        return plain
    da, db = checks.matmul_backward(dc, a, b, out)
    _summed(da, dc, b.swapaxes(-1, -2))
    _summed(db, a.swapaxes(-1, -2), dc)
    return da, db


def _summed(target: FloatArray, left: FloatArray, right: FloatArray) -> None:
    """Write left @ right to `target`, summed over the batch dimensions that `target` does not have."""
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    if target.shape[:-2] == batch:
        multiply(left, right, out=target)
    else:
        target[...] = sum_to_shape(multiply(left, right), target.shape)
