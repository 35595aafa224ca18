"""Bitmasks: words of 64 bits that tell which numbers are not zero. Machinery, emitted but for plain arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import emitted, inlined
from fastnet.kernels.codegen.ir import BIT, I64, call_function, itemsize, llvm_float

WORD = 64
"""Bits of a word."""

HALF = WORD // 2
"""Bits of half a word."""

_SHIFTS = (16, 8, 4, 2, 1)
_MASKS = tuple(np.uint64(sum(1 << i for i in range(WORD) if not i & shift)) for shift in _SHIFTS)


@emitted
def bits_at(_typing: Any, x: Any, at: Any) -> Any:
    """Return a bitmask whose bit i tells whether x[at + i] is not zero; NaN is not."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        is_float = isinstance(x.dtype, types.Float)
        element = llvm_float(x.dtype) if is_float else ir.IntType(x.dtype.bitwidth)
        kind = ir.VectorType(element, WORD)
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        place = builder.gep(data, [args[1]], source_etype=element)
        numbers = builder.load(place, align=itemsize(element) if is_float else 1, typ=kind)
        compare = builder.fcmp_unordered if is_float else builder.icmp_unsigned
        return builder.bitcast(compare("!=", numbers, ir.Constant(kind, None)), I64)

    return types.uint64(x, types.int64), codegen


def emit_count(builder: Any, word: Any) -> Any:
    """Count the bits of a word that are set."""
    return call_function(builder, "llvm.ctpop.i64", ir.FunctionType(I64, [I64]), [word])


def emit_lowest(builder: Any, word: Any) -> Any:
    """Return the index of the lowest bit that is set."""
    return call_function(
        builder, "llvm.cttz.i64", ir.FunctionType(I64, [I64, BIT]), [word, ir.Constant(BIT, 1)]
    )  # fmt: skip


def _of_word(emit: Any) -> Any:
    @emitted
    def function(_typing: Any, word: Any) -> Any:
        i64: Any = types.int64
        return i64(types.uint64), lambda _context, builder, _signature, args: emit(builder, args[0])

    return function


count_bits, lowest_bit = _of_word(emit_count), _of_word(emit_lowest)


@inlined
def row_bitmask(x: Any, start: int, n: int, i: int) -> Any:
    """Return bitmask i of the n numbers from x[start] on."""
    at = i * WORD
    if at + WORD <= n:
        return bits_at(x, start + at)
    if n >= WORD:  # the last word is read with some of the numbers before it
        return bits_at(x, start + n - WORD) >> np.uint64(at + WORD - n)
    word = np.uint64(0)
    for j in range(n):
        word |= np.uint64(x[start + j] != 0) << np.uint64(j)
    return word


@inlined
def transpose_bits(words: Any) -> None:
    """Transpose two squares of 32 x 32 bits in place, one in the lower halves of 32 words, one in the upper halves.

    So what were halves of 64 words, the last 32 above the first, become 32 words whose bit i is from the one before.
    Squares of half the size are swapped, then of a quarter, and so on (Warren, "Hacker's Delight", 2nd ed., 7-3).
    """
    for swap in range(len(_SHIFTS)):
        shift, mask = _SHIFTS[swap], _MASKS[swap]
        for start in range(0, HALF, 2 * shift):
            for i in range(start, start + shift):
                low, high = words[i], words[i + shift]
                swapped = ((low >> np.uint64(shift)) ^ high) & mask
                words[i + shift] = high ^ swapped
                words[i] = low ^ (swapped << np.uint64(shift))
