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

from fastnet.compiler.policy import emitted, vector_bits
from fastnet.kernels.codegen.ir import I64, call_intrinsic, llvm_float, loop, phi, prefetch_line, shuffle, whole
from fastnet.kernels.codegen.vectors import Vectors
from fastnet.kernels.tile.moves import CHUNK_BYTES

OUTPUTS = 5
"""Outputs of a tile: with two vectors of inputs, or of samples, ten accumulators, which hide the latency of an
FMA and leave registers for the operands."""

PIECE_BYTES = 32
"""Lanes of a dot product, in bytes. A fixed count: it decides which numbers are added to which."""

PIECES = 2 if vector_bits() == 512 else 1
"""Samples whose pieces of lanes share a vector."""

SAMPLES = 2 * PIECES
"""Samples of a tile of dot products."""

SPILL_BYTES = PIECE_BYTES
"""What may be written past the sums of a tile: they are stored as whole vectors."""

ROWS_AT_ONCE = 2 if vector_bits() == 512 else 4
"""Samples of outer products that are emitted one after the other."""

WIDE_CHUNKS = 4 if vector_bits() == 512 else 1
"""Chunks of inputs of a wide tile of outer products: as many as registers hold. Each product takes an output that is
loaded for it, and a chunk of 512 bits is one vector: four make that load one of four multiply-adds."""


class Rows(NamedTuple):
    """The samples of a tile of dot products: row i begins at array[column + places[min(first + i, last)]].

    Half as many rows, from the first of `ahead` on, are prefetched; they lie as these do.
    """

    array: Any
    places: Any
    first: int
    last: int
    column: int
    ahead: Any


class Chunks(NamedTuple):
    """Chunks of inputs of many samples: those of sample r begin at array[column + places[r]].

    Meanwhile as many lines are prefetched, from array[column + ahead[r]] on.
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


def _fold(builder: Any, vectors: list[Any], lanes: int, segment: int, in_block: int) -> tuple[Any, list[Any]]:
    """Add up the lanes of segments of vectors, up to `segment` of them.

    Return one vector of sums, and for each lane whose sum it is: of which vector, and of which of its segments.
    """
    owners = [[(i, lane // segment) for lane in range(lanes)] for i in range(len(vectors))]
    while segment > 1:
        pairs = [(i, min(i + 1, len(vectors) - 1)) for i in range(0, len(vectors), 2)]
        low, high = _halves(lanes, segment, in_block)
        folded = [
            builder.fadd(*(shuffle(builder, vectors[i], vectors[j], mask) for mask in (low, high))) for i, j in pairs
        ]
        owners = [[(owners[i] + owners[j])[index] for index in low] for i, j in pairs]
        vectors, segment = folded, segment // 2
    return vectors[0], owners[0]


def _store_sums(vec: Vectors, accumulators: list[Any], places: list[Any]) -> None:
    """Store the sums of the pieces of vectors, for each piece at a place, and up to a vector less one of anything."""
    for first in range(0, len(accumulators), vec.lanes):
        group = accumulators[first : first + vec.lanes]
        sums, owners = _fold(vec.builder, group, len(places) * vec.lanes, vec.lanes, 16 // vec.align)
        for piece, place in enumerate(places):
            order = [owners.index((min(i, len(group) - 1), piece)) for i in range(vec.lanes)]
            vec.store(shuffle(vec.builder, sums, sums, order), vec.at(place, first))


def _fma(builder: Any, x: Any, y: Any, z: Any) -> Any:
    return call_intrinsic(builder, "fma", x, y, z)


def _rows(vec: Vectors, context: Any, kind: Any, value: Any, count: int) -> list[Any]:
    """Where some rows of an `Operand` begin, whose columns lie one after the other."""
    array, start, stride = (vec.builder.extract_value(value, i) for i in range(3))
    first = vec.array(context, kind.types[0], array, start)
    return [vec.at(first, vec.builder.mul(stride, whole(i))) for i in range(count)]


class _DotProducts:
    """Emits the dot products of `Rows` with rows of weights: pieces of samples side by side in each vector."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any, element: Any) -> None:
        self.builder, self.index = builder, Vectors(builder, I64)
        self.vec = Vectors(builder, element, 8 * PIECE_BYTES)
        array, places, first, last, column, ahead = (builder.extract_value(value, i) for i in range(len(kind.types)))
        inputs = self.vec.array(context, kind.types[0], array, column)

        def row(kind: Any, places: Any, i: int) -> Any:
            at = builder.add(first, whole(i))
            at = builder.select(builder.icmp_signed("<", at, last), at, last)
            place = self.index.at(context.make_array(kind)(context, builder, places).data, at)
            return self.vec.at(inputs, builder.load(place, typ=I64, align=8))

        self.samples = [row(kind.types[1], places, i) for i in range(SAMPLES)]
        self.ahead = [row(kind.types[5], ahead, i) for i in range(SAMPLES // 2)]

    def beside(self, pieces: list[Any]) -> Any:
        """Put pieces side by side in a vector."""
        if len(pieces) == 1:
            return pieces[0]
        return shuffle(self.builder, pieces[0], pieces[1], range(2 * self.vec.lanes))

    def add(self, place: Any, weight_rows: list[Any], accumulators: list[Any]) -> list[Any]:
        """Add the products of a piece of each row."""
        inputs = [self.vec.load(self.vec.at(sample, place)) for sample in self.samples]
        inputs = [self.beside(inputs[i : i + PIECES]) for i in range(0, SAMPLES, PIECES)]
        rows = [self.beside([self.vec.load(self.vec.at(row, place))] * PIECES) for row in weight_rows]
        products = [(a, b) for a in inputs for b in rows]
        return [_fma(self.builder, a, b, c) for (a, b), c in zip(products, accumulators, strict=True)]


@emitted
def dot_tile(_typing: Any, x: Any, weights: Any, n_chunks: Any, sums: Any) -> Any:
    """Multiply `Rows` with `OUTPUTS` rows of weights.

    Their sums are written to a row each, followed by `SPILL_BYTES` of anything. Meanwhile the same columns of the rows
    ahead are prefetched. Weights and sums are an `Operand` each.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        products = _DotProducts(context, builder, x, args[0], llvm_float(sums.types[0].dtype))
        vec = products.vec
        weight_rows = _rows(vec, context, signature.args[1], args[1], OUTPUTS)

        def body(now: list[Any]) -> list[Any]:
            place, *accumulators = now
            for following in products.ahead:
                prefetch_line(builder, vec.at(following, place))
            for piece in range(CHUNK_BYTES // PIECE_BYTES):
                at = builder.add(place, whole(piece * vec.lanes))
                accumulators = products.add(at, weight_rows, accumulators)
            return [builder.add(place, whole(CHUNK_BYTES // vec.align)), *accumulators]

        zero = products.beside([vec.constant(0.0)] * PIECES)
        _, *accumulators = loop(builder, args[2], [whole(0), *[zero] * (SAMPLES // PIECES * OUTPUTS)], body)
        targets = _rows(vec, context, signature.args[3], args[3], SAMPLES)
        for i in range(0, SAMPLES, PIECES):
            first = i // PIECES * OUTPUTS
            _store_sums(vec, accumulators[first : first + OUTPUTS], targets[i : i + PIECES])
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

    def __init__(self, context: Any, builder: Any, kinds: Any, args: Any, element: Any, chunks: int) -> None:
        self.context, self.builder, self.kinds, self.args = context, builder, kinds, args
        self.vec, self.index, self.chunks = Vectors(builder, element), Vectors(builder, I64), chunks
        self.vectors = chunks * CHUNK_BYTES // (self.vec.lanes * self.vec.align)
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
        ahead = self.vec.at(self.inputs, self.load(self.ahead, r))
        for i in range(self.chunks):
            prefetch_line(self.builder, self.vec.at(ahead, i * CHUNK_BYTES // self.vec.align))
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


def _make_outer_tile(chunks: int) -> Any:
    @emitted
    def outer_tile(_typing: Any, x: Any, d: Any, n_rows: Any, gradient: Any, accumulate: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            element = llvm_float(gradient.types[0].dtype)
            products = _OuterProducts(context, builder, signature.args, args, element, chunks)
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

    return outer_tile


outer_tile, wide_outer_tile = _make_outer_tile(1), _make_outer_tile(WIDE_CHUNKS)
"""Sum over samples the products of `Chunks`, one or `WIDE_CHUNKS`, with `Numbers`; prefetch what is ahead as fast.

The sums, one row for each output, are written to an `Operand`, or accumulate there."""
