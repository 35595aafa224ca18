"""The register tile: rows by vectors of C, which stay in registers while the reduction goes on.

Numba's SLP vectoriser is off, so unrolled scalar code never becomes a register tile: its instructions are emitted. A
row of B is loaded once, A is broadcast one element at a time. Each element of C is one accumulator of fused
multiply-adds in ascending order of the reduction, whatever the width of the vectors and the way the operands lie. A
reduction may therefore be cut anywhere, and continued from what was stored, without changing a bit of the result.

`fastnet.kernels.tile.strided` makes tiles of it for matrices as they lie, `fastnet.kernels.tile.micro_panels` for
those of a training step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fastnet.kernels.codegen.ir import call_intrinsic, loop, opaque, phi, whole
from fastnet.kernels.codegen.vectors import Vectors


class Strided(NamedTuple):
    """An operand in LLVM's values: a pointer to its first element, and its strides.

    Strides that are known while compiling are plain integers; those of A and B are known together, or not at all.
    """

    pointer: Any
    row: Any
    column: Any


class RegisterTile:
    """Emits a tile of some rows, whose vectors begin at `offsets` in a row; lanes that a mask leaves out are absent."""

    def __init__(self, vec: Vectors, rows: int, offsets: list[Any], mask: Any = None) -> None:
        self.vec, self.builder, self.rows, self.offsets, self._mask = vec, vec.builder, rows, offsets, mask

    def load(self, pointer: Any) -> list[Any]:
        """Load a row's vectors."""
        if self._mask is None:
            return [self.vec.load(self.vec.at(pointer, offset)) for offset in self.offsets]
        return [self.vec.load_where(self._mask, pointer)]

    def store(self, values: list[Any], pointer: Any) -> None:
        """Store a row's vectors."""
        if self._mask is None:
            for value, offset in zip(values, self.offsets, strict=True):
                self.vec.store(value, self.vec.at(pointer, offset))
        else:
            self.vec.store_where(self._mask, values[0], pointer)

    def row_pointers(self, c: Strided) -> list[Any]:
        """Where the tile's rows begin."""
        return [self.vec.at(c.pointer, self._times(c.row, i)) for i in range(self.rows)]

    def load_all(self, c: Strided) -> list[Any]:
        """Load a whole tile."""
        return [value for pointer in self.row_pointers(c) for value in self.load(pointer)]

    def store_all(self, values: list[Any], c: Strided) -> None:
        """Store a whole tile."""
        n = len(self.offsets)
        for i, pointer in enumerate(self.row_pointers(c)):
            self.store(values[i * n : (i + 1) * n], pointer)

    def begin(self, c: Strided, accumulate: Any) -> list[Any]:
        """Return the accumulators at the beginning: zero, or what C holds."""
        zeros = [self.vec.constant(0.0)] * (self.rows * len(self.offsets))
        return self.change_if(accumulate, zeros, lambda _: self.load_all(c))

    def change_if(self, bit: Any, values: list[Any], change: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """Emit code that changes the tile's vectors where a bit is set."""
        before = self.builder.block
        with self.builder.if_then(bit):
            changed = change(values)
            inside = self.builder.block
        pairs = zip(values, changed, strict=True)
        return [phi(self.builder, self.vec.type, (value, before), (other, inside)) for value, other in pairs]

    def reduce(
        self, count: Any, a: Strided, b: Strided, accumulators: list[Any], n_steps: int
    ) -> tuple[Any, Any, list[Any]]:
        """Emit a loop of `count` rounds of so many products each; return where A and B go on, and the accumulators."""
        steps = self._known_steps if isinstance(a.row, int) else self._steps

        def body(now: list[Any]) -> list[Any]:
            a_at, b_at, *accumulators = now
            return steps(a._replace(pointer=a_at), b._replace(pointer=b_at), accumulators, n_steps)

        a_at, b_at, *accumulators = loop(self.builder, count, [a.pointer, b.pointer, *accumulators], body)
        return a_at, b_at, accumulators

    def reduce_and_copy(
        self, count: Any, a: Strided, b: Strided, accumulators: list[Any], target: Strided
    ) -> list[Any]:  # fmt: skip
        """Emit a loop of `count` products that writes the rows of B to a target; return the accumulators."""

        def body(now: list[Any]) -> list[Any]:
            a_at, b_at, target_at, *accumulators = now
            row = self.load(b_at)
            self.store(row, target_at)
            sums = self._add(self.row_pointers(a._replace(pointer=a_at)), row, accumulators)
            return [self.vec.at(a_at, a.column), self.vec.at(b_at, b.row), self.vec.at(target_at, target.row), *sums]

        return loop(self.builder, count, [a.pointer, b.pointer, target.pointer, *accumulators], body)[3:]

    def _known_steps(self, a: Strided, b: Strided, accumulators: list[Any], n_steps: int) -> list[Any]:
        """Add products at constant distances."""
        vec = self.vec
        for k in range(n_steps):
            row = self.load(vec.at(b.pointer, k * b.row))
            elements = [vec.at(a.pointer, i * a.row + k * a.column) for i in range(self.rows)]
            accumulators = self._add(elements, row, accumulators)
        return [vec.at(a.pointer, n_steps * a.column), vec.at(b.pointer, n_steps * b.row), *accumulators]

    def _steps(self, a: Strided, b: Strided, accumulators: list[Any], n_steps: int) -> list[Any]:
        """Add products at distances that are in registers."""
        a_at, b_at = a.pointer, b.pointer
        for _ in range(n_steps):
            a_at, b_at = opaque(self.builder, a_at), opaque(self.builder, b_at)
            elements = self.row_pointers(a._replace(pointer=a_at))
            accumulators = self._add(elements, self.load(b_at), accumulators)
            a_at, b_at = self.vec.at(a_at, a.column), self.vec.at(b_at, b.row)
        return [a_at, b_at, *accumulators]

    def _add(self, elements: list[Any], row: list[Any], accumulators: list[Any]) -> list[Any]:
        """Add the products of a column of A and a row of B."""
        n, added = len(row), []
        for i, element in enumerate(elements):
            x = self.vec.broadcast(element)
            own = accumulators[i * n : (i + 1) * n]
            added += [call_intrinsic(self.builder, "fma", x, y, z) for y, z in zip(row, own, strict=True)]
        return added

    def _times(self, stride: Any, i: int) -> Any:
        return i * stride if isinstance(stride, int) else self.builder.mul(stride, whole(i))


def rectify(vec: Vectors, x: Any) -> Any:
    """ReLU of a vector: a NaN is not <= 0 and stays."""
    zero = vec.constant(0.0)
    return vec.builder.select(vec.builder.fcmp_ordered("<=", x, zero), zero, x)


def rectify_backward(vec: Vectors, dy: Any, y: Any) -> Any:
    """ReLU's gradient, from its output: dy where that is positive, a NaN where that is one, else 0."""
    builder, zero = vec.builder, vec.constant(0.0)
    otherwise = builder.select(builder.fcmp_unordered("uno", y, y), y, zero)
    return builder.select(builder.fcmp_ordered(">", y, zero), dy, otherwise)
