"""An interleaved update: weights are updated with their gradient while the gradient of the next ones is computed.

The gradient of W is `x.T @ dz`, the same tile with the strides of A exchanged. An optimizer then divides and takes
square roots, which take long; between products that do not depend on them, they could be hidden. Whether they are is a
question to each processor. This is Adam's update without its correction for the first steps.
"""

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic
from problem import K, M, N, Rung, rng
from rung3_tile import ROWS, VECTORS, WIDTH, Tile, tile
from rung4_packing import pack

from fastnet.kernels.codegen.ir import call_intrinsic, loop, whole

LR, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
SIZE, TILE_VECTORS, STEPS = ROWS * WIDTH, ROWS * VECTORS, 4
"""Elements and vectors of a tile; rows of the batch for which one vector is updated."""

X, DZ = rng.standard_normal((M, K), np.float32), rng.standard_normal((M, N), np.float32)
W, FIRST, SECOND = rng.standard_normal((K, N), np.float32), np.zeros((K, N), np.float32), np.zeros((K, N), np.float32)


def emit_adam(emit, gradient, w, m, v, stride):
    """Return what emits the update of vector `index` of a tile; its gradient lies in one run."""
    builder, vec = emit.builder, emit.vec

    def update(index):
        row, column = builder.udiv(index, whole(VECTORS)), builder.urem(index, whole(VECTORS))
        offset = builder.add(builder.mul(row, stride), builder.mul(column, whole(vec.lanes)))
        g = vec.load(vec.at(gradient, builder.mul(index, whole(vec.lanes))))
        w_at, m_at, v_at = (vec.at(pointer, offset) for pointer in (w, m, v))
        first = builder.fmul(vec.constant(BETA1), vec.load(m_at))
        first = call_intrinsic(builder, "fma", vec.constant(1 - BETA1), g, first)
        second = builder.fmul(vec.constant(BETA2), vec.load(v_at))
        second = call_intrinsic(builder, "fma", builder.fmul(vec.constant(1 - BETA2), g), g, second)
        root = builder.fadd(call_intrinsic(builder, "sqrt", second), vec.constant(EPSILON))
        step = builder.fdiv(builder.fmul(vec.constant(LR), first), root)
        vec.store(builder.fsub(vec.load(w_at), step), w_at)
        vec.store(first, m_at)
        vec.store(second, v_at)

    return update


@intrinsic
def gradient_tile(_typing, x, x0, x_row, dz, dz0, dz_row, n_rows, gradients, g0, before0, w, w0, w_row, m, v):
    """Write the gradient of a tile of W to gradients[g0:]; update the tile before, whose gradient is at [before0:].

    The batch has at least `STEPS` rows for every vector of a tile.
    """

    def codegen(context, builder, signature, args):
        emit = Tile(builder)
        vec = emit.vec
        places = ((0, 1), (3, 4), (7, 8), (7, 9), (10, 11), (13, 11), (14, 11))
        x, dz, target, gradient, w, m, v = (vec.array(context, signature.args[i], args[i], args[j]) for i, j in places)
        update = emit_adam(emit, gradient, w, m, v, args[12])

        def body(now):
            index, x, dz, *accumulators = now
            update(index)
            for _ in range(STEPS):
                accumulators = emit.step(x, whole(1), dz, accumulators)
                x, dz = vec.at(x, args[2]), vec.at(dz, args[5])
            return [builder.add(index, whole(1)), x, dz, *accumulators]

        _, x, dz, *accumulators = loop(builder, whole(TILE_VECTORS), [whole(0), x, dz, *emit.zeros], body)
        left = builder.sub(args[6], whole(STEPS * TILE_VECTORS))
        _, _, *accumulators = emit.reduce(x, whole(1), args[2], dz, args[5], left, accumulators)
        for i, value in enumerate(accumulators):
            vec.store(value, vec.at(target, i * vec.lanes))
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, i64, i64, dz, i64, i64, i64, gradients, i64, i64, w, i64, i64, m, v), codegen


@intrinsic
def update_tile(_typing, gradient, g0, w, w0, w_row, m, v):
    """Update a tile of W; the last one has none after it."""

    def codegen(context, builder, signature, args):
        emit = Tile(builder)
        places = ((0, 1), (2, 3), (5, 3), (6, 3))
        arrays = [emit.vec.array(context, signature.args[i], args[i], args[j]) for i, j in places]
        update = emit_adam(emit, *arrays, args[4])

        def body(now):
            update(now[0])
            return [builder.add(now[0], whole(1))]

        loop(builder, whole(TILE_VECTORS), [whole(0)], body)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(gradient, i64, w, i64, i64, m, v), codegen


@numba.njit
def train(x, dz, w, m, v, gradients, panel, shape):
    """Update W with the gradient of a layer: `gradients` has room for two tiles, which they use in turn."""
    n_rows, k, n = shape
    before, own, last = 0, SIZE, -1
    for j in range(0, n, WIDTH):
        pack(dz, j, n_rows, n, panel)
        for i in range(0, k, ROWS):
            if last < 0:  # nothing waits for its update yet
                tile(x, i, 1, k, panel, 0, WIDTH, n_rows, gradients, own, WIDTH)
            else:
                gradient_tile(x, i, k, panel, 0, WIDTH, n_rows, gradients, own, before, w, last, n, m, v)
            last = i * n + j
            before, own = own, before
    update_tile(gradients, before, w, last, n, m, v)
    return w


def adam():
    """The same in NumPy."""
    gradient = X.T @ DZ
    first, second = (1 - BETA1) * gradient, (1 - BETA2) * gradient**2
    return W - LR * first / (np.sqrt(second) + EPSILON)


def rung() -> Rung:
    state = [array.ravel().copy() for array in (W, FIRST, SECOND)]
    memory = np.empty(2 * SIZE, np.float32), np.empty(M * WIDTH, np.float32)

    def run():
        return train(X.ravel(), DZ.ravel(), *state, *memory, (M, K, N)).reshape(K, N)

    return Rung(run, adam, 2 * M * K * N)
