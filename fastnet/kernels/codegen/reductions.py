"""Sums over rows, in vector code and in one order: results are the same bits for any width of vectors.

A row has as many lanes as 64 bytes have elements, 16 in float32 and 8 in float64. Element i is added to lane
i % lanes, in ascending order; then the upper half of the lanes is added to the lower until one is left. A machine
with narrower vectors takes several for the lanes. Losses are summed in float64, lane by lane as their elements are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import emitted
from fastnet.kernels.codegen.elementary import Emitter
from fastnet.kernels.codegen.ir import I32, I64, llvm_float, loop, phi, shuffle, whole
from fastnet.kernels.codegen.vectors import Vectors

LANE_BITS = 512

Term = Callable[[Any, list[Any], Any], Any]
"""What a vector adds: from the mask of its lanes (None for all), the vectors of each array, and their first index."""


class _Row:
    """Emits a reduction of the first `count` elements of some arrays."""

    def __init__(self, context: Any, builder: Any, kinds: Any, values: Any, count: Any) -> None:
        self.builder, self.count = builder, count
        self.vec = Vectors(builder, llvm_float(kinds[0].dtype), LANE_BITS)
        self.arrays = [self.vec.array(context, *pair, whole(0)) for pair in zip(kinds, values, strict=True)]

    def reduce(self, term: Term, combine: Any, neutral: Any) -> Any:
        """Combine the terms of all elements; lanes begin with a vector that is neutral."""
        builder, lanes = self.builder, whole(self.vec.lanes)

        def body(now: list[Any]) -> list[Any]:
            at, total = now
            loaded = [self.vec.load(self.vec.at(array, at)) for array in self.arrays]
            return [builder.add(at, lanes), combine(total, term(None, loaded, at))]

        n_whole, n_remaining = builder.sdiv(self.count, lanes), builder.srem(self.count, lanes)
        at, total = loop(builder, n_whole, [whole(0), neutral], body)
        before = builder.block
        with builder.if_then(builder.icmp_signed(">", n_remaining, whole(0))):
            mask = self.vec.mask_below(n_remaining)
            loaded = [self.vec.load_where(mask, self.vec.at(array, at)) for array in self.arrays]
            last = combine(total, builder.select(mask, term(mask, loaded, at), neutral))
            inside = builder.block
        return self._across(phi(builder, total.type, (total, before), (last, inside)), combine)

    def _across(self, lanes: Any, combine: Any) -> Any:
        """Combine the upper half of the lanes with the lower until one is left."""
        while lanes.type.count > 1:
            half = lanes.type.count // 2
            lower, upper = (shuffle(self.builder, lanes, lanes, range(i, i + half)) for i in (0, half))
            lanes = combine(lower, upper)
        return self.builder.extract_element(lanes, whole(0))

    def write(self, mask: Any, value: Any, place: Any) -> None:
        """Store a vector, or the lanes of it that a mask leaves."""
        if mask is None:
            self.vec.store(value, place)
        else:
            self.vec.store_where(mask, value, place)

    def add(self, x: Any, y: Any) -> Any:
        """Add two vectors."""
        return self.builder.fadd(x, y)

    def sum(self, term: Term) -> Any:
        """Sum terms of the arrays' type."""
        return self.reduce(term, self.add, self.vec.constant(0.0))

    def sum_in_double(self, term: Term) -> Any:
        """Sum terms that are made float64 here, if they are not."""
        wide = Vectors(self.builder, ir.DoubleType(), 64 * self.vec.lanes)

        def widened(mask: Any, loaded: list[Any], at: Any) -> Any:
            return self.in_double(term(mask, loaded, at))

        return self.reduce(widened, self.add, wide.constant(0.0))

    def in_double(self, x: Any) -> Any:
        """Make a vector float64."""
        return x if isinstance(x.type.element, ir.DoubleType) else self.builder.fpext(x, self._doubles)

    @property
    def _doubles(self) -> Any:
        return ir.VectorType(ir.DoubleType(), self.vec.lanes)


@emitted
def largest(_typing: Any, x: Any, count: Any) -> Any:
    """Return the largest of the first `count` elements, but NaN; -inf if there is none."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        row = _Row(context, builder, [x], args[:1], args[1])

        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", b, a), b, a)

        return row.reduce(lambda _mask, loaded, _at: loaded[0], larger, row.vec.constant(float("-inf")))

    return x.dtype(x, types.int64), codegen


@emitted
def exponentials(_typing: Any, x: Any, top: Any, y: Any, count: Any) -> Any:
    """Write exp(x - top) of the first `count` elements to y, which may be x; return their sum."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        row = _Row(context, builder, [x], args[:1], args[3])
        written, emitter = row.vec.array(context, y, args[2], whole(0)), Emitter(builder, row.vec.type)
        top = row.vec.splat(args[1])

        def term(mask: Any, loaded: list[Any], at: Any) -> Any:
            value = emitter.exp(builder.fsub(loaded[0], top))
            row.write(mask, value, row.vec.at(written, at))
            return value

        return row.sum(term)

    return x.dtype(x, x.dtype, y, types.int64), codegen


@emitted
def count_larger(_typing: Any, x: Any, place: Any, count: Any) -> Any:
    """Count the first `count` elements that numpy.argmax, for which a NaN is the largest, prefers to x[place]."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        row = _Row(context, builder, [x], args[:1], args[2])
        own = row.vec.splat(builder.load(row.vec.at(row.arrays[0], args[1]), align=row.vec.align, typ=row.vec.element))
        is_nan = builder.fcmp_unordered("uno", own, own)
        counts = ir.VectorType(I32, row.vec.lanes)

        def term(_mask: Any, loaded: list[Any], at: Any) -> Any:
            before = row.vec.splat(builder.trunc(builder.sub(args[1], at), I32))
            is_before = builder.icmp_signed("<", row.vec.numbers(), before)
            is_equal = builder.and_(is_before, builder.fcmp_ordered("==", loaded[0], own))
            if_number = builder.or_(builder.fcmp_unordered(">", loaded[0], own), is_equal)
            if_nan = builder.and_(is_before, builder.fcmp_unordered("uno", loaded[0], loaded[0]))
            return builder.zext(builder.select(is_nan, if_nan, if_number), counts)

        return builder.sext(row.reduce(term, builder.add, ir.Constant(counts, None)), I64)

    return types.int64(x, types.int64, types.int64), codegen


@emitted
def total(_typing: Any, x: Any, count: Any) -> Any:
    """Return the sum of the first `count` elements."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _Row(context, builder, [x], args[:1], args[1]).sum(lambda _mask, loaded, _at: loaded[0])

    return x.dtype(x, types.int64), codegen


@emitted
def total_in_double(_typing: Any, x: Any, count: Any) -> Any:
    """Return the float64 sum of the first `count` elements."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _Row(context, builder, [x], args[:1], args[1]).sum_in_double(lambda _mask, loaded, _at: loaded[0])

    return types.float64(x, types.int64), codegen


@emitted
def squares_in_double(_typing: Any, x: Any, count: Any) -> Any:
    """Return the float64 sum of the squares of the first `count` elements, each square rounded."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        row = _Row(context, builder, [x], args[:1], args[1])
        return row.sum_in_double(lambda _mask, loaded, _at: builder.fmul(loaded[0], loaded[0]))

    return types.float64(x, types.int64), codegen


@emitted
def dot_of_slopes(_typing: Any, probs: Any, label: Any, count: Any) -> Any:
    """Return the sum of probs * slope, slope = 2 (probs - 1 at the label): of the squared error's, for each of them."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        row = _Row(context, builder, [probs], args[:1], args[2])
        two, zero = row.vec.constant(2.0), row.vec.constant(0.0)

        def term(_mask: Any, loaded: list[Any], at: Any) -> Any:
            beyond = builder.sub(args[1], at)
            mask = builder.icmp_signed("==", row.vec.numbers(), row.vec.splat(builder.trunc(beyond, I32)))
            slope = builder.fsub(builder.fmul(two, loaded[0]), builder.select(mask, two, zero))
            return builder.fmul(loaded[0], slope)

        return row.sum(term)

    return probs.dtype(probs, types.int64, types.int64), codegen


@emitted
def dot(_typing: Any, x: Any, y: Any, count: Any) -> Any:
    """Return the sum of products of the first `count` elements, each product rounded."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        row = _Row(context, builder, [x, y], args[:2], args[2])
        return row.sum(lambda _mask, loaded, _at: builder.fmul(*loaded))

    return x.dtype(x, y, types.int64), codegen


def _sum_of_differences(of_difference: Callable[..., Any]) -> Any:
    """Make what emits the float64 sum of a function of differences, and of the number after the count, if any."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        row = _Row(context, builder, signature.args[:2], args[:2], args[2])
        return row.sum_in_double(lambda _mask, loaded, _at: of_difference(row, builder.fsub(*loaded), *args[3:]))

    return codegen


def _square(row: _Row, difference: Any) -> Any:
    return row.builder.fmul(difference, difference)


def _size(row: _Row, difference: Any) -> Any:
    emitter = Emitter(row.builder, difference.type)
    return emitter.size(difference)


def _huber(row: _Row, difference: Any, number: Any) -> Any:
    """Half the square up to a number, and beyond it a straight line."""
    size = row.in_double(_size(row, difference))
    emitter = Emitter(row.builder, size.type)
    end, half = row.vec.splat(number), emitter.real(0.5)
    inner = row.builder.fmul(row.builder.fmul(half, size), size)
    outer = row.builder.fmul(end, row.builder.fsub(size, row.builder.fmul(half, end)))
    return row.builder.select(row.builder.fcmp_ordered("<=", size, end), inner, outer)


def _make_distance(of_difference: Callable[..., Any]) -> Any:
    """Make the float64 sum of a function of differences."""

    @emitted
    def distance(_typing: Any, x: Any, y: Any, count: Any) -> Any:
        return types.float64(x, y, types.int64), _sum_of_differences(of_difference)

    return distance


squared_distance, absolute_distance = map(_make_distance, (_square, _size))


@emitted
def huber_distance(_typing: Any, x: Any, y: Any, count: Any, number: Any) -> Any:
    """Return the float64 sum of Huber's function of differences, whose straight lines begin at a number."""
    return types.float64(x, y, types.int64, types.float64), _sum_of_differences(_huber)


@emitted
def sigmoid_cross_entropy(_typing: Any, z: Any, targets: Any, probs: Any, count: Any) -> Any:
    """Write sigmoid(z) to probs, which may be z or targets; return the float64 sum of the losses."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        row = _Row(context, builder, [z, targets], args[:2], args[3])
        written = row.vec.array(context, probs, args[2], whole(0))
        emitter, in_double = Emitter(builder, row.vec.type), Emitter(builder, row._doubles)

        def loss(mask: Any, loaded: list[Any], at: Any) -> Any:
            z, target = loaded
            probability, small = emitter.sigmoid_and_exp(z)
            positive = builder.fsub(emitter.relu(z), builder.fmul(target, z))
            row.write(mask, probability, row.vec.at(written, at))
            return builder.fadd(row.in_double(positive), in_double.log1p(row.in_double(small)))

        return row.sum_in_double(loss)

    return types.float64(z, targets, probs, types.int64), codegen
