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

from typing import Any, NamedTuple

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


class TwoSamples(NamedTuple):
    """The samples of a tile of dot products, where each begins in their array, and the one that is prefetched."""

    array: Any
    first: int
    second: int
    ahead: int


class Chunks(NamedTuple):
    """A chunk of inputs of many samples: that of sample r begins at array[column + places[r]].

    Meanwhile the line at array[column + ahead[r]] is prefetched.
    """

    array: Any
    places: Any
    ahead: Any
    column: int


class Numbers(NamedTuple):
    """`OUTPUTS` numbers of each sample r: array[places[i] + r * stride]."""

    array: Any
    places: Any
    stride: int


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


def _rows(vec: Vectors, context: Any, kind: Any, value: Any, count: int) -> list[Any]:
    """Where some rows of an `Operand` begin, whose columns lie one after the other."""
    array, start, stride = (vec.builder.extract_value(value, i) for i in range(3))
    first = vec.array(context, kind.types[0], array, start)
    return [vec.at(first, vec.builder.mul(stride, whole(i))) for i in range(count)]


@emitted
def dot_tile(_typing: Any, x: Any, weights: Any, n_chunks: Any, sums: Any) -> Any:
    """Multiply `TwoSamples` with `OUTPUTS` rows of weights.

    Their sums are written to a row each, followed by `SPILL_BYTES` of anything. Meanwhile the same columns of the
    sample ahead are prefetched. Weights and sums are an `Operand` each.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(sums.types[0].dtype), 8 * PIECE_BYTES)
        array, *starts = (builder.extract_value(args[0], i) for i in range(4))
        *samples, following = [vec.array(context, x.types[0], array, start) for start in starts]
        weight_rows = _rows(vec, context, signature.args[1], args[1], OUTPUTS)

        def body(now: list[Any]) -> list[Any]:
            place, *accumulators = now
            prefetch_line(builder, vec.at(following, place))
            for piece in range(CHUNK_BYTES // PIECE_BYTES):
                at = builder.add(place, whole(piece * vec.lanes))
                inputs = [vec.load(vec.at(sample, at)) for sample in samples]
                rows = [vec.load(vec.at(row, at)) for row in weight_rows]
                products = [(a, b) for a in inputs for b in rows]
                accumulators = [
                    _fma(builder, a, b, accumulator) for (a, b), accumulator in zip(products, accumulators, strict=True)
                ]
            return [builder.add(place, whole(CHUNK_BYTES // vec.align)), *accumulators]

        _, *accumulators = loop(builder, args[2], [whole(0), *[vec.constant(0.0)] * (SAMPLES * OUTPUTS)], body)
        for i, place in enumerate(_rows(vec, context, signature.args[3], args[3], SAMPLES)):
            _store_sums(vec, accumulators[i * OUTPUTS : (i + 1) * OUTPUTS], place)
        return context.get_dummy_value()

    return types.void(x, weights, types.int64, sums), codegen


def _stored_or_zero(vec: Vectors, accumulate: Any, places: list[Any]) -> list[Any]:
    """Return what accumulators begin with: what is stored, if they are to accumulate on that."""
    before = vec.builder.block
    with vec.builder.if_then(accumulate):
        stored = [vec.load(place) for place in places]
        inside = vec.builder.block
    zero = vec.constant(0.0)
    return [phi(vec.builder, vec.type, (zero, before), (value, inside)) for value in stored]


class _OuterProducts:
    """Emits the outer products of `Chunks` and `Numbers`, sample after sample, where these lie."""

    def __init__(self, context: Any, builder: Any, kinds: Any, args: Any, element: Any) -> None:
        self.context, self.builder, self.kinds, self.args = context, builder, kinds, args
        self.vec, self.index = Vectors(builder, element), Vectors(builder, I64)
        self.vectors = CHUNK_BYTES // (self.vec.lanes * self.vec.align)
        self.inputs = self.vec.array(context, kinds[0].types[0], self.field(0, 0), self.field(0, 3))
        self.places, self.ahead, starts = self.data(0, 1), self.data(0, 2), self.data(1, 1)
        numbers = [self.load(starts, whole(i)) for i in range(OUTPUTS)]
        self.numbers = [self.vec.array(context, kinds[1].types[0], self.field(1, 0), number) for number in numbers]
        self.stride = self.field(1, 2)

    def field(self, of: int, i: int) -> Any:
        """Return a field of an argument."""
        return self.builder.extract_value(self.args[of], i)

    def data(self, of: int, i: int) -> Any:
        """Point at the beginning of a field that is an array."""
        return self.context.make_array(self.kinds[of].types[i])(self.context, self.builder, self.field(of, i)).data

    def load(self, data: Any, i: Any) -> Any:
        """Load an index."""
        return self.builder.load(self.index.at(data, i), typ=I64, align=8)

    def add(self, r: Any, accumulators: list[Any]) -> list[Any]:
        """Add the products of a sample to the accumulators."""
        sample = self.vec.at(self.inputs, self.load(self.places, r))
        prefetch_line(self.builder, self.vec.at(self.inputs, self.load(self.ahead, r)))
        x_row = [self.vec.load(self.vec.at(sample, v * self.vec.lanes)) for v in range(self.vectors)]
        offset = self.builder.mul(r, self.stride)
        d_row = [self.vec.broadcast(self.vec.at(number, offset)) for number in self.numbers]
        products = [(a, b) for a in d_row for b in x_row]
        return [_fma(self.builder, a, b, c) for (a, b), c in zip(products, accumulators, strict=True)]

    def add_some(self, now: list[Any], count: int) -> list[Any]:
        """Add those of some samples that follow one another."""
        r, *accumulators = now
        for i in range(count):
            accumulators = self.add(self.builder.add(r, whole(i)), accumulators)
        return [self.builder.add(r, whole(count)), *accumulators]


@emitted
def outer_tile(_typing: Any, x: Any, d: Any, n_rows: Any, gradient: Any, accumulate: Any) -> Any:
    """Sum over samples the products of `Chunks` of inputs with `Numbers`; prefetch what is ahead as fast.

    The sums, one row of a chunk for each output, are written to an `Operand`, or accumulate there.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        products = _OuterProducts(context, builder, signature.args, args, llvm_float(gradient.types[0].dtype))
        vec, rounds = products.vec, builder.sdiv(args[2], whole(ROWS_AT_ONCE))
        rows = _rows(vec, context, signature.args[3], args[3], OUTPUTS)
        targets = [vec.at(row, v * vec.lanes) for row in rows for v in range(products.vectors)]
        now = [whole(0), *_stored_or_zero(vec, args[4], targets)]
        now = loop(builder, rounds, now, lambda now: products.add_some(now, ROWS_AT_ONCE))
        remaining = builder.sub(args[2], now[0])
        _, *accumulators = loop(builder, remaining, now, lambda now: products.add_some(now, 1))
        for value, place in zip(accumulators, targets, strict=True):
            vec.store(value, place)
        return context.get_dummy_value()

    return types.void(x, d, types.int64, gradient, types.boolean), codegen
