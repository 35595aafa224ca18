"""Register tiles whose lanes run along the inputs: for layers of few outputs, which would fill half a vector.

Ten outputs fill 62 % of two vectors of eight lanes, whereas 784 inputs fill all of them. Weights are transposed, a
row of inputs for each output, and the samples are read row by row where they are: a tile asks for the place of each
row and needs no micro-panels. Outputs are taken `OUTPUTS` at a time.

Forward, a tile is the dot products of two samples with the weights of some outputs. Its sums are cut into `PIECE_BYTES`
of lanes whatever the width of a register, and added in one order, so that they are the same bits everywhere. For the
gradient, a tile is the outer products of a chunk of inputs and some outputs, an accumulator of fused multiply-adds over
the samples for each element as elsewhere.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from fastnet.compiler.policy import emitted
from fastnet.kernels.codegen.ir import I64, call_intrinsic, llvm_float, loop, phi, prefetch_line, shuffle, whole
from fastnet.kernels.codegen.vectors import Vectors
from fastnet.kernels.tile.moves import CHUNK_BYTES

OUTPUTS = 5
"""Outputs of a tile: with two vectors of inputs, or two samples, ten accumulators, which hide the latency of an
FMA and leave registers for the operands."""

SAMPLES = 2
"""Samples of a tile of dot products."""

PIECE_BYTES = 32
"""Lanes of a dot product, in bytes. A fixed count: it decides which numbers are added to which."""

SPILL_BYTES = PIECE_BYTES
"""What may be written past the sums of a tile: they are stored as whole vectors."""

ROWS_AT_ONCE = 4
"""Samples of outer products that are emitted one after the other."""


def _halves(n: int, segment: int, in_block: int) -> tuple[list[int], list[int]]:
    """Shuffle masks that put the low halves of all segments of two vectors of n lanes into one, the high into another.

    Within a block of 16 bytes where a segment fits in one, which is the cheap way on every processor.
    """
    half = segment // 2
    block = max(segment, min(in_block, n))
    low = [
        start + base + segment_start + i
        for start in range(0, n, block)
        for base in (0, n)
        for segment_start in range(0, block, segment)
        for i in range(half)
    ]
    return low, [index + half for index in low]


def _fold(builder: Any, vectors: list[Any], lanes: int, in_block: int) -> tuple[Any, list[int]]:
    """Add up the lanes of up to `lanes` vectors; return one vector of sums, and whose sum is in each lane."""
    owners = [[i] * lanes for i in range(len(vectors))]
    segment = lanes
    while segment > 1:
        pairs = [(i, min(i + 1, len(vectors) - 1)) for i in range(0, len(vectors), 2)]
        low, high = _halves(lanes, segment, in_block)
        folded = [
            builder.fadd(*(shuffle(builder, vectors[i], vectors[j], mask) for mask in (low, high))) for i, j in pairs
        ]
        owners = [[(owners[i] + owners[j])[index] for index in low] for i, j in pairs]
        vectors, segment = folded, segment // 2
    return vectors[0], owners[0]


def _store_sums(vec: Vectors, accumulators: list[Any], place: Any) -> None:
    """Store the sum of the lanes of each vector, one after the other, and up to a vector less one of anything."""
    for first in range(0, len(accumulators), vec.lanes):
        group = accumulators[first : first + vec.lanes]
        sums, owners = _fold(vec.builder, group, vec.lanes, 16 // vec.align)
        order = [owners.index(min(i, len(group) - 1)) for i in range(vec.lanes)]
        vec.store(shuffle(vec.builder, sums, sums, order), vec.at(place, first))


def _fma(builder: Any, x: Any, y: Any, z: Any) -> Any:
    return call_intrinsic(builder, "fma", x, y, z)


@emitted
def dot_tile(
    _typing: Any, x: Any, x0: Any, x1: Any, ahead: Any, w: Any, w0: Any, w_stride: Any, n_chunks: Any, sums: Any,
    s0: Any, s_stride: Any,
) -> Any:  # fmt: skip
    """Multiply two samples, at x0 and x1, with `OUTPUTS` rows of weights, `w_stride` apart.

    The sums are written to sums[s0:] and sums[s0 + s_stride:], each followed by `SPILL_BYTES` of anything. Meanwhile
    the same columns of the sample at `ahead` are prefetched.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(sums.dtype), 8 * PIECE_BYTES)
        *samples, following = [vec.array(context, signature.args[0], args[0], args[i]) for i in (1, 2, 3)]
        first = vec.array(context, signature.args[4], args[4], args[5])
        weights = [vec.at(first, builder.mul(args[6], whole(i))) for i in range(OUTPUTS)]

        def body(now: list[Any]) -> list[Any]:
            place, *accumulators = now
            prefetch_line(builder, vec.at(following, place))
            for piece in range(CHUNK_BYTES // PIECE_BYTES):
                at = builder.add(place, whole(piece * vec.lanes))
                inputs = [vec.load(vec.at(sample, at)) for sample in samples]
                rows = [vec.load(vec.at(row, at)) for row in weights]
                products = [(a, b) for a in inputs for b in rows]
                accumulators = [
                    _fma(builder, a, b, accumulator) for (a, b), accumulator in zip(products, accumulators, strict=True)
                ]
            return [builder.add(place, whole(CHUNK_BYTES // vec.align)), *accumulators]

        _, *accumulators = loop(builder, args[7], [whole(0), *[vec.constant(0.0)] * (SAMPLES * OUTPUTS)], body)
        place = vec.array(context, signature.args[8], args[8], args[9])
        for i in range(SAMPLES):
            _store_sums(
                vec, accumulators[i * OUTPUTS : (i + 1) * OUTPUTS], vec.at(place, builder.mul(args[10], whole(i)))
            )
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, i64, i64, i64, w, i64, i64, i64, sums, i64, i64), codegen


@emitted
def outer_tile(
    _typing: Any, x: Any, places: Any, ahead: Any, column: Any, n_rows: Any, d: Any, d_at: Any, d_stride: Any,
    gradient: Any, g0: Any, g_stride: Any, accumulate: Any,
) -> Any:  # fmt: skip
    """Sum over samples the products of a chunk of inputs with `OUTPUTS` numbers each; prefetch the samples ahead.

    Sample r begins at x[places[r]], its numbers are d[d_at[i] + r * d_stride]. The sums, one row of a chunk for each
    output, are written to gradient[g0:], `g_stride` apart, or accumulate there. Meanwhile the line of
    x[column + ahead[r]] is prefetched for each sample, as fast as the tile uses them up.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(gradient.dtype))
        vectors = CHUNK_BYTES // (vec.lanes * vec.align)
        index = Vectors(builder, I64)

        def array(i: int, start: Any) -> Any:
            return vec.array(context, signature.args[i], args[i], start)

        inputs = array(0, args[3])
        at, following = (context.make_array(signature.args[i])(context, builder, args[i]).data for i in (1, 2))
        starts = context.make_array(signature.args[6])(context, builder, args[6]).data
        numbers = [array(5, builder.load(index.at(starts, i), typ=I64, align=8)) for i in range(OUTPUTS)]
        target = array(8, args[9])
        rows = [vec.at(target, builder.mul(args[10], whole(i))) for i in range(OUTPUTS)]
        targets = [vec.at(row, v * vec.lanes) for row in rows for v in range(vectors)]

        def step(r: Any, accumulators: list[Any]) -> list[Any]:
            sample = vec.at(inputs, builder.load(index.at(at, r), typ=I64, align=8))
            prefetch_line(builder, vec.at(inputs, builder.load(index.at(following, r), typ=I64, align=8)))
            x_row = [vec.load(vec.at(sample, v * vec.lanes)) for v in range(vectors)]
            offset = builder.mul(r, args[7])
            d_row = [vec.broadcast(vec.at(number, offset)) for number in numbers]
            products = [(a, b) for a in d_row for b in x_row]
            return [
                _fma(builder, a, b, accumulator) for (a, b), accumulator in zip(products, accumulators, strict=True)
            ]

        def body(now: list[Any], count: int) -> list[Any]:
            r, *accumulators = now
            for i in range(count):
                accumulators = step(builder.add(r, whole(i)), accumulators)
            return [builder.add(r, whole(count)), *accumulators]

        before = builder.block
        with builder.if_then(args[11]):
            stored = [vec.load(place) for place in targets]
            inside = builder.block
        zero = vec.constant(0.0)
        accumulators = [phi(builder, vec.type, (zero, before), (value, inside)) for value in stored]
        rounds = builder.sdiv(args[4], whole(ROWS_AT_ONCE))
        r, *accumulators = loop(builder, rounds, [whole(0), *accumulators], lambda now: body(now, ROWS_AT_ONCE))
        r, *accumulators = loop(builder, builder.sub(args[4], r), [r, *accumulators], lambda now: body(now, 1))
        for value, place in zip(accumulators, targets, strict=True):
            vec.store(value, place)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(
        x, places, ahead, i64, i64, d, d_at, i64, gradient, i64, i64, types.boolean
    ), codegen  # fmt: skip
