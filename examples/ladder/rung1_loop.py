"""A loop: the formula as it is written.

Each sum waits for the one before: a multiply-add takes four cycles, though a processor could begin one or two, of many
numbers, in each.
"""

import numba
import numpy as np
from problem import A, B, K, M, N, Rung


@numba.njit
def multiply(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = a.dtype.type(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            c[i, j] = total
    return c


def rung() -> Rung:
    c = np.empty((M, N), np.float32)
    return Rung(lambda: multiply(A, B, c), lambda: A @ B, 2 * M * K * N)
