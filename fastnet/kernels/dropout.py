"""Dropout, compiled. The maths stands in `fastnet.reference.dropout`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import emitted, inlined, kernel
from fastnet.kernels.codegen.elementary import choose
from fastnet.kernels.codegen.ir import I32, I64
from fastnet.kernels.runtime.arrays import fill, read_only
from fastnet.reference.dropout import GOLDEN, dropout_key
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.operations import FloatArray

__all__ = ["drop_run", "dropout_backward", "dropout_forward", "dropout_key", "key_of", "threshold_of"]


def _emit_mix(builder: Any, h: Any) -> Any:
    """Finaliser of MurmurHash3 on 32 bits; Numba itself would calculate with 64, half as many in a vector."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = builder.mul(builder.xor(h, builder.lshr(h, ir.Constant(I32, shift))), ir.Constant(I32, factor))
    return builder.xor(h, builder.lshr(h, ir.Constant(I32, 16)))


@emitted
def mix_row(_typing: Any, key: Any, row: Any) -> Any:
    """Mix a row into the key."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        key, row = (builder.trunc(value, I32) for value in args)
        mixed = _emit_mix(builder, builder.xor(key, builder.add(row, ir.Constant(I32, GOLDEN))))
        return builder.zext(mixed, I64)

    return types.int64(types.int64, types.int64), codegen


@emitted
def is_kept(_typing: Any, mixed_row: Any, column: Any, threshold: Any) -> Any:
    """Tell whether the draw of a column reaches the threshold."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        mixed_row, column, threshold = (builder.trunc(value, I32) for value in args)
        return builder.icmp_unsigned(">=", _emit_mix(builder, builder.xor(mixed_row, column)), threshold)

    return types.boolean(types.int64, types.int64, types.int64), codegen


@emitted
def key_of(_typing: Any, seed: Any, step: Any, layer: Any) -> Any:
    """`dropout_key`, for a seed as a signed number of the same bits."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        seed, step, layer = args
        key = _emit_mix(builder, builder.add(builder.trunc(layer, I32), ir.Constant(I32, GOLDEN)))
        for value in (step, seed):
            for shift in (0, 32):
                word = builder.trunc(builder.lshr(value, ir.Constant(I64, shift)), I32)
                key = _emit_mix(builder, builder.xor(key, word))
        return builder.zext(key, I64)

    return types.int64(types.int64, types.int64, types.int64), codegen


def threshold_of(rate: float) -> int:
    """Return the least draw that keeps an element."""
    return int(float(rate) * 2**32)


@inlined
def drop_run(x: Any, key: int, row: int, first_column: int, threshold: int, scale: Any) -> None:
    """Drop some of x, consecutive columns of a row, in place, and multiply the others by scale, of x's dtype."""
    mixed_row, zero = mix_row(key, row), x.dtype.type(0)
    for j in range(x.size):
        x[j] = choose(is_kept(mixed_row, first_column + j, threshold), x[j] * scale, zero)


@kernel
def _drop(x: Any, key: int, threshold: int, factor: float, y: Any) -> None:
    scale = x.dtype.type(factor)
    for i in range(x.shape[0]):
        run = y[i]
        for j in range(run.size):
            run[j] = x[i, j]
        drop_run(run, key, i, 0, threshold, scale)


def _dropped(out: FloatArray, values: FloatArray, rate: float, key: int) -> FloatArray:
    fill(out, _drop, read_only(values), int(key), threshold_of(rate), 1 / (1 - float(rate)))
    return out


def dropout_forward(x: FloatArray, rate: float, key: int, out: FloatArray | None = None) -> FloatArray:
    """Drop a share of the elements, scale the others; a mask from counters, row by row in vector code."""
    y = checks.alike(out, checks.FEATURES, x=x)
    training_checks.dropout(rate, key)
    return _dropped(y, x, rate, key)


def dropout_backward(dy: FloatArray, rate: float, key: int, out: FloatArray | None = None) -> FloatArray:
    """Map dy like the forward does x, the mask drawn anew, row by row in vector code."""
    dx = checks.alike(out, checks.FEATURES, dy=dy)
    training_checks.dropout(rate, key)
    return _dropped(dx, dy, rate, key)
