"""A register tile: some rows by some vectors of C stay in registers while the reduction goes on.

A row of B is loaded once for all rows of the tile, and C is stored once. Compilers do not find this by themselves, so
it is emitted as LLVM's vector instructions, through `numba.extending.intrinsic`. `fastnet.kernels.tile.strided` is the
tile of fastnet, with edges.
"""

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from problem import A, B, K, M, N, Rung

from fastnet.kernels.codegen.ir import call_intrinsic, lanes, loop, whole
from fastnet.kernels.codegen.vectors import Vectors
from fastnet.kernels.tile.micro_panels import TILE_ROWS as ROWS
from fastnet.kernels.tile.micro_panels import TILE_VECTORS as VECTORS

WIDTH = VECTORS * lanes(4)
"""Columns of a tile."""


class Tile:
    """Emits the parts of a tile: rungs to come end it in other ways."""

    def __init__(self, builder):
        self.builder, self.vec = builder, Vectors(builder, ir.FloatType())
        self.zeros = [self.vec.constant(0.0)] * (ROWS * VECTORS)

    def places(self, pointer, stride):
        """Where the vectors of a tile lie, row after row."""
        rows = [self.vec.at(pointer, self.builder.mul(stride, whole(i))) for i in range(ROWS)]
        return [self.vec.at(row, v * self.vec.lanes) for row in rows for v in range(VECTORS)]

    def step(self, a, a_row, b, accumulators):
        """Add the products of a column of A and a row of B."""
        b_row = [self.vec.load(self.vec.at(b, v * self.vec.lanes)) for v in range(VECTORS)]
        added = []
        for i in range(ROWS):
            x = self.vec.broadcast(self.vec.at(a, self.builder.mul(a_row, whole(i))))
            for y, total in zip(b_row, accumulators[i * VECTORS : (i + 1) * VECTORS], strict=True):
                added.append(call_intrinsic(self.builder, "fma", x, y, total))
        return added

    def reduce(self, a, a_row, a_step, b, b_row, depth, accumulators):
        """Repeat `step`; return A and B, further on, and the accumulators."""

        def body(now):
            a, b, *accumulators = now
            accumulators = self.step(a, a_row, b, accumulators)
            return [self.vec.at(a, a_step), self.vec.at(b, b_row), *accumulators]

        return loop(self.builder, depth, [a, b, *accumulators], body)


@intrinsic
def tile(_typing, a, a0, a_row, a_step, b, b0, b_row, depth, c, c0, c_row):
    """Write a tile of C; arrays are flat, and elements of A lie `a_row` and `a_step` apart."""

    def codegen(context, builder, signature, args):
        emit = Tile(builder)
        a, b, c = (emit.vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (0, 4, 8))
        _, _, *accumulators = emit.reduce(a, args[2], args[3], b, args[6], args[7], emit.zeros)
        for value, place in zip(accumulators, emit.places(c, args[10]), strict=True):
            emit.vec.store(value, place)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(a, i64, i64, i64, b, i64, i64, i64, c, i64, i64), codegen


@numba.njit
def multiply(a, b, c, shape):
    m, k, n = shape
    for j in range(0, n, WIDTH):
        for i in range(0, m, ROWS):
            tile(a, i * k, k, 1, b, j, n, k, c, i * n + j, n)
    return c


def rung() -> Rung:
    c = np.empty(M * N, np.float32)
    return Rung(lambda: multiply(A.ravel(), B.ravel(), c, (M, K, N)).reshape(M, N), lambda: A @ B, 2 * M * K * N)
