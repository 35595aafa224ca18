"""Cross-entropy of as many rows as a vector has lanes: a row to a lane, for rows of few classes.

A row of three or ten classes is shorter than a vector, and what is done with it a chain: its maximum, a sum, a
logarithm. Here vectors hold one class of 16 rows (8 in float64), so that nothing is wasted, and chains of many rows
run side by side. Each row is computed as `fastnet.kernels.losses` does, to the same bits: sums are in the lanes of
`fastnet.kernels.codegen.reductions`, which are vectors here, one of each row's lanes in each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import emitted
from fastnet.kernels.codegen.bits import emit_count
from fastnet.kernels.codegen.elementary import Emitter
from fastnet.kernels.codegen.ir import I32, I64, itemsize, llvm_float, loop, phi, whole
from fastnet.kernels.codegen.reductions import LANE_BITS
from fastnet.kernels.codegen.vectors import Vectors
from fastnet.kernels.tile.moves import transposed


class Expected(NamedTuple):
    """What is expected of rows: they belong to the samples order[first:], with labels, and weights if there are any."""

    labels: Any
    weights: Any
    order: Any
    first: int


def scratch_size(n_classes: int, size: int) -> int:
    """Count the elements of scratch memory for rows of so many classes, elements of `size` bytes."""
    lanes = LANE_BITS // (8 * size)
    return lanes * (lanes + -(-n_classes // lanes) * lanes)


class _Rows:
    """Emits what is done with the logits of several rows; `at` is the memory for them, a vector for each class."""

    def __init__(self, builder: Any, element: Any, columns: Any, at: Any) -> None:
        self.builder, self.columns, self.at = builder, columns, at
        self.vec = Vectors(builder, element, LANE_BITS)
        self.emitter, self.lanes = Emitter(builder, self.vec.type), self.vec.lanes
        self.doubles = ir.VectorType(ir.DoubleType(), self.lanes)
        self.sums = self.vec.at(at, builder.mul(self.blocks(), whole(self.lanes**2)))

    def blocks(self) -> Any:
        """Count the squares, of classes and rows, that are transposed."""
        return self.builder.sdiv(self.builder.add(self.columns, whole(self.lanes - 1)), whole(self.lanes))

    def place(self, column: Any) -> Any:
        """Where the vector of a class lies."""
        return self.vec.at(self.at, self.builder.mul(column, whole(self.lanes)))

    def for_columns(self, carried: list[Any], body: Callable[[Any, Any, list[Any]], list[Any]]) -> list[Any]:
        """Repeat for each class: its number, the place of its vector, what is carried."""

        def step(now: list[Any]) -> list[Any]:
            return [self.builder.add(now[0], whole(1)), *body(now[0], self.place(now[0]), now[1:])]

        return loop(self.builder, self.columns, [whole(0), *carried], step)[1:]

    def is_label(self, column: Any, labels: Any, compare: str = "==") -> Any:
        """Compare a class with each row's own."""
        return self.builder.icmp_signed(compare, self.vec.splat(self.builder.trunc(column, I32)), labels)

    def read(self, source: Any, stride: Any) -> None:
        """Read rows that lie `stride` elements apart, in whole vectors."""

        def square(now: list[Any]) -> list[Any]:
            start = self.builder.mul(now[0], whole(self.lanes))
            rows = [
                self.vec.load(self.vec.at(source, self.builder.add(start, self.builder.mul(stride, whole(i)))))
                for i in range(self.lanes)
            ]
            for i, column in enumerate(transposed(self.builder, rows, self.lanes)):
                self.vec.store(column, self.place(self.builder.add(start, whole(i))))
            return [self.builder.add(now[0], whole(1))]

        loop(self.builder, self.blocks(), [whole(0)], square)

    def write(self, target: Any, stride: Any) -> None:
        """Write rows `stride` elements apart, with zeros after them up to the next one."""
        builder, zero = self.builder, self.vec.constant(0.0)
        end = builder.mul(self.blocks(), whole(self.lanes))

        def pad(now: list[Any]) -> list[Any]:
            self.vec.store(zero, self.place(now[0]))
            return [builder.add(now[0], whole(1))]

        def square(now: list[Any]) -> list[Any]:
            columns = [self.vec.load(self.place(builder.add(now[0], whole(i)))) for i in range(self.lanes)]
            self._write_square(transposed(builder, columns, self.lanes), target, now[0], stride)
            return [builder.add(now[0], whole(self.lanes))]

        def nothing(now: list[Any]) -> list[Any]:
            self._write_square([zero] * self.lanes, target, now[0], stride)
            return [builder.add(now[0], whole(self.lanes))]

        loop(builder, builder.sub(end, self.columns), [self.columns], pad)
        loop(builder, self.blocks(), [whole(0)], square)
        loop(builder, builder.sdiv(builder.sub(stride, end), whole(self.lanes)), [end], nothing)

    def _write_square(self, rows: list[Any], target: Any, start: Any, stride: Any) -> None:
        for i, row in enumerate(rows):
            offset = self.builder.add(start, self.builder.mul(stride, whole(i)))
            self.vec.store(row, self.vec.at(target, offset))

    def largest_and_own(self, labels: Any) -> list[Any]:
        """Return each row's largest logit, but NaN, and that of its label."""

        def step(column: Any, place: Any, now: list[Any]) -> list[Any]:
            x = self.vec.load(place)
            top = self.builder.select(self.builder.fcmp_ordered(">", x, now[0]), x, now[0])
            return [top, self.builder.select(self.is_label(column, labels), x, now[1])]

        return self.for_columns([self.vec.constant(float("-inf")), self.vec.constant(0.0)], step)

    def beaten(self, x: Any, column: Any, own: Any, labels: Any) -> Any:
        """Tell where numpy.argmax, for which NaN is the largest, prefers a class to the row's label."""
        builder = self.builder
        first = self.is_label(column, labels, "<")
        if_number = builder.or_(
            builder.fcmp_unordered(">", x, own), builder.and_(first, builder.fcmp_ordered("==", x, own))
        )
        if_nan = builder.and_(first, builder.fcmp_unordered("uno", x, x))
        return builder.select(builder.fcmp_unordered("uno", own, own), if_nan, if_number)

    def exponentials(self, top: Any, own: Any, labels: Any) -> list[Any]:
        """Replace logits by exp(logit - top); return where a label is beaten, and the float64 sums of logit - top."""
        builder, zero = self.builder, self.vec.constant(0.0)
        for i in range(self.lanes):
            self.vec.store(zero, self.vec.at(self.sums, i * self.lanes))

        def step(column: Any, place: Any, now: list[Any]) -> list[Any]:
            x = self.vec.load(place)
            beaten = builder.or_(now[0], self.beaten(x, column, own, labels))
            below = builder.fsub(x, top)
            e = self.emitter.exp(below)
            self.vec.store(e, place)
            lane = builder.and_(column, whole(self.lanes - 1))
            sums = self.vec.at(self.sums, builder.mul(lane, whole(self.lanes)))
            self.vec.store(builder.fadd(self.vec.load(sums), e), sums)
            return [beaten, builder.fadd(now[1], self.in_double(below))]

        none = ir.Constant(ir.VectorType(ir.IntType(1), self.lanes), None)
        return self.for_columns([none, ir.Constant(self.doubles, None)], step)

    def total(self) -> Any:
        """Add the upper half of the lanes of each row to the lower until one is left."""
        lanes = [self.vec.load(self.vec.at(self.sums, i * self.lanes)) for i in range(self.lanes)]
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = [self.builder.fadd(lanes[i], lanes[i + half]) for i in range(half)]
        return lanes[0]

    def in_double(self, x: Any) -> Any:
        """Make a vector float64."""
        return x if itemsize(x.type) == 8 else self.builder.fpext(x, self.doubles)

    def in_real(self, number: Any) -> Any:
        """Put a float64 into all lanes, rounded to the logits' type."""
        rounded = self.builder.fptrunc(number, self.vec.element) if self.vec.align == 4 else number
        return self.vec.splat(rounded)


def _gathered(builder: Any, scalars: list[Any]) -> Any:
    """Make a vector of scalars."""
    vector = ir.Constant(ir.VectorType(scalars[0].type, len(scalars)), ir.Undefined)
    for i, scalar in enumerate(scalars):
        vector = builder.insert_element(vector, scalar, ir.Constant(I32, i))
    return vector


def _gradient(rows: _Rows, total: Any, labels: Any, even: Any, at_label: Any, weight: Any, divisor: Any) -> None:
    """Replace exponentials by the gradient: probabilities less what is expected, weighted, for the batch's mean."""
    builder = rows.builder
    weight = weight if rows.vec.align == 8 else builder.fptrunc(weight, rows.vec.type)

    def step(column: Any, place: Any, _now: list[Any]) -> list[Any]:
        slope = builder.fsub(builder.fdiv(rows.vec.load(place), total), even)
        slope = builder.select(rows.is_label(column, labels), builder.fsub(slope, at_label), slope)
        rows.vec.store(builder.fdiv(builder.fmul(slope, weight), divisor), place)
        return []

    rows.for_columns([], step)


def _losses(rows: _Rows, total: Any, below_top: Any, sums: Any, smoothing: Any) -> Any:
    """Return each row's loss in float64, from what its label's logit is below the top, and the sum of that over all."""
    builder, double = rows.builder, Emitter(rows.builder, rows.doubles)
    columns = rows.vec.splat(builder.sitofp(rows.columns, ir.DoubleType()))
    share, one = rows.vec.splat(smoothing), double.real(1.0)
    own = builder.fmul(builder.fsub(one, share), rows.in_double(below_top))
    loss = builder.fsub(double.log(rows.in_double(total)), own)
    smoothed = builder.fsub(loss, builder.fmul(share, builder.fdiv(sums, columns)))
    return builder.select(builder.fcmp_ordered(">", share, double.real(0.0)), smoothed, loss)


class _Given:
    """The arguments of a call: places in arrays, and what is expected of some rows."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        self.context, self.builder, self.args, self.kinds = context, builder, args, signature.args

    def array(self, kind: Any, value: Any) -> Any:
        """Return an array."""
        return self.context.make_array(kind)(self.context, self.builder, value)

    def place(self, i: int, start: Any, element: Any) -> Any:
        """Where an element of an argument lies."""
        return self.builder.gep(self.array(self.kinds[i], self.args[i]).data, [start], source_etype=element)

    def field(self, i: int, number: int) -> Any:
        """Return a field of an argument that is a named tuple: an array or a number."""
        value = self.builder.extract_value(self.args[i], number)
        kind = self.kinds[i].types[number]
        return self.array(kind, value) if isinstance(kind, types.Array) else value

    def gather(self, array: Any, indices: list[Any], element: Any, size: int) -> list[Any]:
        """Load some elements of an array, `size` bytes each."""
        places = [self.builder.gep(array.data, [index], source_etype=element) for index in indices]
        return [self.builder.load(place, align=size, typ=element) for place in places]


@emitted
def cross_entropy_rows(
    _typing: Any, logits: Any, columns: Any, gradients: Any, expected: Any, smoothing: Any, divisor: Any, scratch: Any,
    losses: Any, row: Any,
) -> Any:  # fmt: skip
    """Write gradients and losses of as many rows as there are lanes; return how many of them are classified correctly.

    Rows are those of an `Operand`, whole vectors of them, and their gradients lie at the same places of another array.
    Their losses are written from losses[row] on.
    """
    i64, f64, double = types.int64, types.float64, ir.DoubleType()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given = _Given(context, builder, signature, args)
        real, (outputs, start, stride) = llvm_float(gradients.dtype), (given.field(0, i) for i in range(3))
        rows = _Rows(builder, real, args[1], given.place(6, whole(0), real))
        labels, weights, order, first = (given.field(3, i) for i in range(4))
        samples = given.gather(order, [builder.add(first, whole(i)) for i in range(rows.lanes)], I64, 8)
        own_labels = _gathered(builder, given.gather(labels, samples, I32, 4))
        rows.read(builder.gep(outputs.data, [start], source_etype=real), stride)
        top, own = rows.largest_and_own(own_labels)
        beaten, sums = rows.exponentials(top, own, own_labels)
        total = rows.total()

        before, ones = builder.block, Emitter(builder, rows.doubles).real(1.0)
        with builder.if_then(builder.icmp_signed(">", weights.nitems, whole(0))):
            of_samples = _gathered(builder, given.gather(weights, samples, double, 8))
            inside = builder.block
        weight = phi(builder, rows.doubles, (ones, before), (of_samples, inside))

        even = builder.fdiv(args[4], builder.sitofp(args[1], double))
        at_label = builder.fsub(ir.Constant(double, 1.0), args[4])
        even, at_label, size = (rows.in_real(number) for number in (even, at_label, args[5]))
        _gradient(rows, total, own_labels, even, at_label, weight, size)
        rows.write(given.place(2, start, real), stride)
        loss = builder.fmul(_losses(rows, total, builder.fsub(own, top), sums, args[4]), weight)
        builder.store(loss, builder.bitcast(given.place(7, args[8], double), loss.type.as_pointer()), align=8)
        mask = builder.bitcast(builder.not_(beaten), ir.IntType(rows.lanes))
        return emit_count(builder, builder.zext(mask, I64))

    return i64(logits, i64, gradients, expected, f64, f64, scratch, losses, i64), codegen
