"""Inference of a few rows: no packing, no team, no more Python than a call.

Weights are read once, which is all that one row of inputs leaves to be done well: some columns of some rows of W,
then the next columns, with their sums in registers. Each output is the same accumulator of fused multiply-adds as in a
tile, so a row's result is the same bits as among others.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from fastnet.compiler.policy import emitted, inlined, kernel
from fastnet.kernels.codegen.ir import call_intrinsic, itemsize, llvm_float, loop, whole
from fastnet.kernels.codegen.scalar_activations import activate
from fastnet.kernels.codegen.vectors import Vectors

MOST_ROWS = 3
"""Rows up to which this is faster than packing the weights first."""

ROW_VECTORS = 8
"""Sums that are kept in registers at once: enough accumulators to hide the latency of a multiply-add."""

ROWS_AT_ONCE = 32
"""Rows of W of which all columns are used before those that follow: weights are then read nearly in order, which
is what prefetchers are made for."""


def _emit_columns(vec: Vectors, vectors: int, x: Any, w: Any, stride: Any, n_in: Any, z: Any) -> None:
    """Add to z the products of x with as many columns of W as some vectors hold, its rows `stride` apart."""
    builder = vec.builder
    places = [v * vec.lanes for v in range(vectors)]

    def body(now: list[Any]) -> list[Any]:
        x, w, *accumulators = now
        factor = vec.broadcast(x)
        rows = [vec.load(vec.at(w, place)) for place in places]
        accumulators = [
            call_intrinsic(builder, "fma", factor, row, accumulator)
            for row, accumulator in zip(rows, accumulators, strict=True)
        ]
        return [vec.at(x, 1), vec.at(w, stride), *accumulators]

    _, _, *accumulators = loop(builder, n_in, [x, w, *[vec.load(vec.at(z, place)) for place in places]], body)
    for accumulator, place in zip(accumulators, places, strict=True):
        vec.store(accumulator, vec.at(z, place))


@emitted
def multiply_row(_typing: Any, x: Any, x0: Any, w: Any, w0: Any, n_in: Any, n_out: Any, z: Any) -> Any:
    """Add x[x0:x0+n_in] @ W to z, with W (n_in, n_out) at w[w0:]: many columns at once, then fewer and fewer.

    Each sum is one accumulator of fused multiply-adds in ascending order, however wide the vectors are.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = llvm_float(z.dtype)
        n, stride = Vectors(builder, element).lanes, args[5]
        shapes = [(ROW_VECTORS, n)] + [(1, n >> i) for i in range(n.bit_length())]
        done = whole(0)
        for vectors, lanes in shapes:
            vec = Vectors(builder, element, 8 * itemsize(element) * lanes)
            x_at, w_at, z_at = (
                vec.array(context, signature.args[i], args[i], start)
                for i, start in ((0, args[1]), (2, builder.add(args[3], done)), (6, done))
            )
            count = builder.sdiv(builder.sub(stride, done), whole(vectors * lanes))

            def body(now: list[Any], vec: Vectors = vec, vectors: int = vectors, x_at: Any = x_at) -> list[Any]:
                w, z = now
                _emit_columns(vec, vectors, x_at, w, stride, args[4], z)
                return [vec.at(w, vectors * vec.lanes), vec.at(z, vectors * vec.lanes)]

            loop(builder, count, [w_at, z_at], body)
            done = builder.add(done, builder.mul(count, whole(vectors * lanes)))
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, i64, w, i64, i64, i64, z), codegen


@inlined
def _layer(parameters: Any, start: int, x: Any, n_in: int, n_out: int, z: Any) -> None:
    """Write x @ W + b to z, with W and b one after the other from `start` on."""
    for j in range(n_out):
        z[j] = 0
    for k in range(0, n_in, ROWS_AT_ONCE):
        multiply_row(x, k, parameters, start + k * n_out, min(ROWS_AT_ONCE, n_in - k), n_out, z)
    bias = parameters[start + n_in * n_out : start + (n_in + 1) * n_out]
    for j in range(n_out):
        z[j] += bias[j]


@kernel
def predict_rows(parameters: Any, x: Any, scale: float, sizes: Any, codes: Any, buffers: Any, logits: Any) -> int:
    """Write the logits of every row of x; return the class with the largest one of the last row.

    It is -1 where one of them is a NaN, and -2 where an input was a NaN or infinity. `codes` are those of the
    activation after each layer, `buffers` (2, widest layer) is working memory.
    """
    real = parameters.dtype.type
    factor = real(scale)
    best = n_infinite = 0
    for r in range(x.shape[0]):
        source, target = buffers[0], buffers[1]
        n_infinite = 0
        for k in range(sizes[0]):
            value = real(x[r, k])
            n_infinite += int(value - value != 0)
            source[k] = value * factor
        start = 0
        for layer in range(codes.size):
            n_in, n_out = sizes[layer], sizes[layer + 1]
            _layer(parameters, start, source, n_in, n_out, target)
            activate(codes[layer], target[:n_out])
            source, target = target, source
            start += (n_in + 1) * n_out
        best = 0
        for j in range(logits.shape[1]):
            logits[r, j] = source[j]
            if source[j] > source[best]:
                best = j
        for j in range(logits.shape[1]):
            if source[j] != source[j]:
                best = -1
    return best if n_infinite == 0 else -2
