"""Vectors: the loops in another order, so that the innermost one runs along rows of B and C.

Its sums do not depend on each other, and lie one after the other: the compiler makes vector code of it. `contract` lets
it fuse a product with its sum, which is then rounded once. Every step loads and stores C, though: three accesses to
memory for one multiply-add.
"""

import numba
import numpy as np
from problem import A, B, K, M, N, Rung


@numba.njit(fastmath={"contract"})
def multiply(a, b, c):
    c[:] = 0
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            x, row, target = a[i, k], b[k], c[i]
            for j in range(row.size):
                target[j] += x * row[j]
    return c


def rung() -> Rung:
    c = np.empty((M, N), np.float32)
    return Rung(lambda: multiply(A, B, c), lambda: A @ B, 2 * M * K * N)
