"""Packing: each micro-panel of B, as wide as a tile, is copied into one run of memory before it is used.

Rows of B lie 4 KB apart: each is on a page of its own, and all fall on the same few sets of the first-level cache. A
micro-panel that has been copied is read from front to back, and used for all rows of A.
"""

import numba
import numpy as np
from problem import A, B, K, M, N, Rung
from rung3_tile import ROWS, WIDTH, tile


@numba.njit
def pack(b, column, k, n, panel):
    for row in range(k):
        for j in range(WIDTH):
            panel[row * WIDTH + j] = b[row * n + column + j]


@numba.njit
def multiply(a, b, c, panel, shape):
    m, k, n = shape
    for j in range(0, n, WIDTH):
        pack(b, j, k, n, panel)
        for i in range(0, m, ROWS):
            tile(a, i * k, k, 1, panel, 0, WIDTH, k, c, i * n + j, n)
    return c


def rung() -> Rung:
    c, panel = np.empty(M * N, np.float32), np.empty(K * WIDTH, np.float32)
    return Rung(lambda: multiply(A.ravel(), B.ravel(), c, panel, (M, K, N)).reshape(M, N), lambda: A @ B, 2 * M * K * N)
