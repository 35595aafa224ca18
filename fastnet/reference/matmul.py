"""Products of stacks of matrices, with the batch dimensions broadcast as in `numpy.matmul`."""

import numpy as np

from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray, Shape

__all__ = ["matmul_backward", "matmul_forward"]


def sum_to_shape(gradient: FloatArray, shape: Shape) -> FloatArray:
    """Add up a gradient over the dimensions along which its operand of `shape` was repeated."""
    n_new = gradient.ndim - len(shape)
    repeated = [n_new + i for i, n in enumerate(shape) if n == 1 and gradient.shape[n_new + i] != 1]
    total: FloatArray = gradient.sum(axis=(*range(n_new), *repeated))
    return total.reshape(shape)


@np.errstate(all="ignore")
def matmul_forward(a: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Multiply stacks of matrices, c = a @ b.

    Parameters
    ----------
    a : ndarray of float32 or float64, shape (..., m, k)
        Left operands, at least 2-D.
    b : ndarray of a's dtype, shape (..., k, n)
        Right operands, at least 2-D; the batch dimensions of a and b are broadcast.
    out : ndarray of a's dtype, shape (..., m, n), optional
        Receives the result; shares no memory with the inputs.

    Returns
    -------
    ndarray of a's dtype, shape (..., m, n)
        c, which is `out` if that was given.

    Raises
    ------
    TypeError
        For an argument that is not an ndarray of float32 or float64, or if the dtypes differ.
    ValueError
        For shapes that do not fit, or an `out` that is read-only or overlaps an input.

    References
    ----------
    NumPy, `numpy.matmul`, for the broadcasting of batch dimensions.

    Examples
    --------
    >>> matmul_forward(np.ones((5, 2, 3)), np.ones((3, 4))).shape
    (5, 2, 4)
    """
    c = checks.matmul_forward(a, b, out)
    c[...] = a @ b
    return c


@np.errstate(all="ignore")
def matmul_backward(
    dc: FloatArray, a: FloatArray, b: FloatArray, out: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Gradients of a batched product: da = dc @ b^T and db = a^T @ dc, summed over repeated batch dimensions.

    Parameters
    ----------
    dc : ndarray of float32 or float64, shape (..., m, n)
        Gradient of the loss with respect to c.
    a : ndarray of dc's dtype, shape (..., m, k)
        Left operands.
    b : ndarray of dc's dtype, shape (..., k, n)
        Right operands.
    out : tuple of two ndarrays of dc's dtype, optional
        Receive da and db; they share no memory with the inputs or each other.

    Returns
    -------
    da : ndarray of dc's dtype and a's shape
        Gradient with respect to a.
    db : ndarray of dc's dtype and b's shape
        Gradient with respect to b.

    Raises
    ------
    TypeError
        For an argument that is not an ndarray of float32 or float64, or if the dtypes differ.
    ValueError
        For shapes that do not fit, or an `out` that is read-only or overlaps.

    References
    ----------
    Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation",
    2008, section 2.2.2.

    Examples
    --------
    >>> da, db = matmul_backward(np.ones((5, 2, 4)), np.ones((5, 2, 3)), np.ones((3, 4)))
    >>> da.shape, db.shape, float(db[0, 0])
    ((5, 2, 3), (3, 4), 10.0)
    """
    da, db = checks.matmul_backward(dc, a, b, out)
    da[...] = sum_to_shape(dc @ b.swapaxes(-1, -2), a.shape)
    db[...] = sum_to_shape(a.swapaxes(-1, -2) @ dc, b.shape)
    return da, db
