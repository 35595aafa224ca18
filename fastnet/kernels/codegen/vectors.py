"""Vectors of one element type: what is loaded, stored, broadcast and masked. Machinery, emitted."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from fastnet.compiler.policy import vector_bits
from fastnet.kernels.codegen.ir import I32, call_function, itemsize, whole

HALF_BITS = 256 if vector_bits() == 512 else vector_bits()
"""Bits of the vectors of tiles whose columns fill half a vector of 512 bits: a processor that computes with two vectors
of 256 bits at once, as Zen 4 does instead of one of 512, takes half the time."""


class Vectors:
    """Loads, stores and broadcasts of vectors of one element type, at the alignment that NumPy promises."""

    def __init__(self, builder: Any, element: Any, bits: int | None = None) -> None:
        self.builder, self.element, self.align = builder, element, itemsize(element)
        self.lanes = (bits or vector_bits()) // (8 * self.align)
        self.type = ir.VectorType(element, self.lanes)

    def array(self, context: Any, array_type: Any, value: Any, start: Any) -> Any:
        """Point at element `start` of an array."""
        return self.at(context.make_array(array_type)(context, self.builder, value).data, start)

    def at(self, pointer: Any, offset: Any) -> Any:
        """Move a pointer by so many elements."""
        offset = whole(offset) if isinstance(offset, int) else offset
        return self.builder.gep(pointer, [offset], source_etype=self.element)

    def load(self, pointer: Any) -> Any:
        """Load a vector."""
        return self.builder.load(pointer, align=self.align, typ=self.type)

    def store(self, value: Any, pointer: Any) -> None:
        """Store a vector, of any count of lanes."""
        # llvmlite checks what a pointer points to, though LLVM's have long had no type
        self.builder.store(value, self.builder.bitcast(pointer, value.type.as_pointer()), align=self.align)

    def broadcast(self, pointer: Any) -> Any:
        """Load one element into all lanes."""
        return self.splat(self.builder.load(pointer, align=self.align, typ=self.element))

    def splat(self, scalar: Any) -> Any:
        """Put a scalar of any type into all lanes."""
        undefined = ir.Constant(ir.VectorType(scalar.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), None)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def mask_below(self, count: Any) -> Any:
        """Return a bit for each lane: whether its number is below an int64."""
        return self.builder.icmp_signed("<", self.numbers(), self.splat(self.builder.trunc(count, I32)))

    def numbers(self) -> Any:
        """Return the lanes' numbers, from 0 on."""
        return ir.Constant(ir.VectorType(I32, self.lanes), [ir.Constant(I32, i) for i in range(self.lanes)])

    def load_where(self, mask: Any, pointer: Any) -> Any:
        """Load the lanes of a mask; nothing is read for the others, which are zero."""
        return self._masked("load", self.type, pointer, ir.Constant(I32, self.align), mask, self.constant(0.0))

    def store_where(self, mask: Any, value: Any, pointer: Any) -> None:
        """Store the lanes of a mask."""
        self._masked("store", ir.VoidType(), value, pointer, ir.Constant(I32, self.align), mask)

    def _masked(self, name: str, result: Any, *operands: Any) -> Any:
        full = f"llvm.masked.{name}.v{self.lanes}f{8 * self.align}.p0"
        return call_function(self.builder, full, ir.FunctionType(result, [each.type for each in operands]), operands)

    def constant(self, value: float) -> Any:
        """Return a number in all lanes."""
        return ir.Constant(self.type, [ir.Constant(self.element, float(value))] * self.lanes)
