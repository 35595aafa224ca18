"""An epilogue: what follows a product is done while its results are in registers.

A layer adds a bias and cuts at zero. As passes of their own these would load and store C twice more; here they cost a
few instructions a tile.
"""

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic
from problem import BIAS, A, B, K, M, N, Rung
from rung3_tile import ROWS, VECTORS, WIDTH, Tile
from rung4_packing import pack


def make_layer_tile(relu):
    """Make a tile that ends with a bias, and with ReLU or without."""

    @intrinsic
    def layer_tile(_typing, a, a0, a_row, a_step, b, b0, b_row, depth, c, c0, c_row, bias, bias0):
        def codegen(context, builder, signature, args):
            emit = Tile(builder)
            a, b, c, bias = (emit.vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (0, 4, 8, 11))
            _, _, *accumulators = emit.reduce(a, args[2], args[3], b, args[6], args[7], emit.zeros)
            added, zero = [emit.vec.load(emit.vec.at(bias, v * emit.vec.lanes)) for v in range(VECTORS)], emit.zeros[0]
            for i, place in enumerate(emit.places(c, args[10])):
                value = builder.fadd(accumulators[i], added[i % VECTORS])
                if relu:
                    value = builder.select(builder.fcmp_ordered("<=", value, zero), zero, value)  # a NaN stays
                emit.vec.store(value, place)
            return context.get_dummy_value()

        i64 = types.int64
        return types.void(a, i64, i64, i64, b, i64, i64, i64, c, i64, i64, bias, i64), codegen

    return layer_tile


relu_tile = make_layer_tile(True)


@numba.njit
def layer(a, b, bias, c, panel, shape):
    m, k, n = shape
    for j in range(0, n, WIDTH):
        pack(b, j, k, n, panel)
        for i in range(0, m, ROWS):
            relu_tile(a, i * k, k, 1, panel, 0, WIDTH, k, c, i * n + j, n, bias, j)
    return c


def rung() -> Rung:
    c, panel = np.empty(M * N, np.float32), np.empty(K * WIDTH, np.float32)
    return Rung(
        lambda: layer(A.ravel(), B.ravel(), BIAS, c, panel, (M, K, N)).reshape(M, N),
        lambda: np.maximum(A @ B + BIAS, 0),
        2 * M * K * N,
    )
