"""Threads: each computes some columns of C, and packs the micro-panels of B that it needs itself.

Compiled code lets go of Python's lock, so threads of Python's run it at once. They share results, never a reduction, so
the bits do not depend on how many there are. A training step has barriers as well, and a team that grows and shrinks:
`fastnet.kernels.runtime.elastic` says why.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from problem import A, B, K, M, N, Rung
from rung3_tile import ROWS, WIDTH, tile
from rung4_packing import pack

N_THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@numba.njit(nogil=True)
def multiply_panels(a, b, c, panel, shape, first, last):
    m, k, n = shape
    for j in range(first * WIDTH, last * WIDTH, WIDTH):
        pack(b, j, k, n, panel)
        for i in range(0, m, ROWS):
            tile(a, i * k, k, 1, panel, 0, WIDTH, k, c, i * n + j, n)


def rung() -> Rung:
    c, panels = np.empty(M * N, np.float32), np.empty((N_THREADS, K * WIDTH), np.float32)
    a, b, pool, count = A.ravel(), B.ravel(), ThreadPoolExecutor(N_THREADS), N // WIDTH
    multiply_panels(a, b, c, panels[0], (M, K, N), 0, 0)  # compiles

    def work(thread):
        first, last = count * thread // N_THREADS, count * (thread + 1) // N_THREADS
        multiply_panels(a, b, c, panels[thread], (M, K, N), first, last)

    def run():
        list(pool.map(work, range(N_THREADS)))
        return c.reshape(M, N)

    return Rung(run, lambda: A @ B, 2 * M * K * N, N_THREADS)
