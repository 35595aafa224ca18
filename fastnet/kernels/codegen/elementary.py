"""exp, log, sigmoid and tanh as polynomials of our own, and choices without branches, for float32 and float64.

A loop over `np.exp` becomes scalar library calls, and libraries differ in the last bit. These are emitted as
plain arithmetic, so loops over them become vector code and every machine computes the same bits.

The method is Cody and Waite's (Software Manual for the Elementary Functions, 1980, chapter 6): x = n ln 2 + r
with |r| <= ln 2 / 2, ln 2 split in two parts so that r is exact to working precision, the Taylor polynomial
of exp on r, and a scaling by 2**n. tanh and sigmoid come from the same reduction; tanh goes through
expm1, so that small arguments keep their relative precision. log1p and log are the series of
2 artanh.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import emitted
from fastnet.kernels.codegen.ir import I32, call_intrinsic, itemsize


class _Format(NamedTuple):
    """What depends on the floating-point format."""

    degree: int  # of the polynomial: its remainder on |r| <= ln 2 / 2 is below half an ulp
    ln2_high: float  # leading bits of ln 2, few enough that n * ln2_high is exact
    ln2_low: float  # the rest
    lowest: float  # exp of less is 0
    highest: float  # exp of more is inf
    saturated: float  # tanh of more is 1, and expm1 of less than -2 times this is -1
    log_terms: int  # of the series of log(1 + g): what is left out is below 1/20 of an ulp
    mantissa_bits: int
    exponent_bias: int


_FLOAT32 = _Format(7, float.fromhex("0x1.62e4p-1"), float.fromhex("0x1.7f7d1cp-20"), -104.0, 89.0, 10.0, 5, 23, 127)
_FLOAT64 = _Format(
    13, float.fromhex("0x1.62e42fefa38p-1"), float.fromhex("0x1.ef35793c7673p-45"), -746.0, 710.0, 20.0,
    11, 52, 1023,
)  # fmt: skip


class Emitter:
    """Emits the arithmetic of a function, of one number, around which the loop is Numba's, or of a vector of them."""

    def __init__(self, builder: Any, kind: Any) -> None:
        self.builder, self.kind, self.width = builder, kind, 8 * itemsize(kind)
        self.format = _FLOAT32 if self.width == 32 else _FLOAT64
        self.integer, self.int32 = self._like(ir.IntType(self.width)), self._like(I32)
        self.mantissa = self._constant(self.integer, self.format.mantissa_bits)

    def _like(self, scalar: Any) -> Any:
        return ir.VectorType(scalar, self.kind.count) if isinstance(self.kind, ir.VectorType) else scalar

    def _constant(self, kind: Any, value: Any) -> Any:
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)
        return ir.Constant(kind, value)

    def real(self, value: float) -> Any:
        """Return a constant."""
        return self._constant(self.kind, float(np.float32(value)) if self.width == 32 else value)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """x * y + z, rounded once."""
        return call_intrinsic(self.builder, "fma", x, y, z)

    def at_most(self, x: Any, high: float) -> Any:
        """Return the smaller of x and `high`; `high` where x is NaN."""
        return self.builder.select(self.builder.fcmp_ordered("<", x, self.real(high)), x, self.real(high))

    def at_least(self, x: Any, low: float) -> Any:
        """Return the larger of x and `low`; `low` where x is NaN."""
        return self.builder.select(self.builder.fcmp_ordered(">", x, self.real(low)), x, self.real(low))

    def keep_nan(self, x: Any, result: Any) -> Any:
        """Return x where that is NaN, else the result."""
        return self.builder.select(self.builder.fcmp_unordered("uno", x, x), x, result)

    def reduce(self, x: Any, offset: int, factor: float = 1.0) -> tuple[Any, Any]:
        """Split factor * x into n ln 2 + factor * r, n whole; return integers whose low bits are n + offset, and r.

        The factor is a power of two, perhaps with a minus sign: it rounds nothing. Adding 1.5 * 2**mantissa_bits rounds
        to a whole number and leaves it in the low bits of the sum.
        """
        magic = self.real(1.5 * 2.0**self.format.mantissa_bits + offset)
        total = self.builder.fadd(self.builder.fmul(x, self.real(factor / math.log(2.0))), magic)
        n = self.builder.fsub(total, magic)
        r = self.fma(n, self.real(-self.format.ln2_high / factor), x)
        r = self.fma(n, self.real(-self.format.ln2_low / factor), r)
        return self.builder.bitcast(total, self.integer), r

    def taylor(self, r: Any, first: int, factor: float = 1.0) -> Any:
        """Sum factor**k * r**(k - first) / k! over k from `first` to the degree, by Horner's rule."""
        terms = [factor**k / math.factorial(k) for k in range(self.format.degree + 1)]
        total = self.real(terms.pop())
        while len(terms) > first:
            total = self.fma(total, r, self.real(terms.pop()))
        return total

    def power_of_two(self, biased: Any) -> Any:
        """2**n for integers whose low bits are n + exponent_bias, the exponent of a normal number."""
        return self.builder.bitcast(self.builder.shl(biased, self.mantissa), self.kind)

    def exp(self, x: Any) -> Any:
        """exp(x) for any x: 0 and infinity beyond the format's range."""
        within = self.at_most(self.at_least(x, self.format.lowest), self.format.highest)
        # two factors, each with one bias: 2**n itself may not be a normal number
        biased, r = self.reduce(within, 2 * self.format.exponent_bias)
        half = self.builder.lshr(biased, self._constant(self.integer, 1))
        value = self.builder.fmul(self.taylor(r, 0), self.power_of_two(half))
        value = self.builder.fmul(value, self.power_of_two(self.builder.sub(biased, half)))
        return self.keep_nan(x, value)

    def size(self, x: Any) -> Any:
        """|x|."""
        return call_intrinsic(self.builder, "fabs", x)

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + exp(-|x|)), or its complement exp(-|x|) / (1 + exp(-|x|)): neither overflows."""
        return self.sigmoid_and_exp(x)[0]

    def sigmoid_and_exp(self, x: Any) -> tuple[Any, Any]:
        """Sigmoid, and exp(-|x|)."""
        small = self.exp(self.builder.fsub(self.real(-0.0), self.size(x)))
        positive = self.builder.fcmp_ordered(">", x, self.real(0.0))
        top = self.builder.select(positive, self.real(1.0), small)
        return self.builder.fdiv(top, self.builder.fadd(self.real(1.0), small)), small

    def expm1_within(self, x: Any, factor: float = 1.0) -> Any:
        """exp(factor * x) - 1 for factor * x in [-2 * saturated, 0], the factor a power of two with a sign."""
        biased, r = self.reduce(x, self.format.exponent_bias, factor)
        scale = self.power_of_two(biased)
        expm1_r = self.builder.fmul(r, self.taylor(r, 1, factor))
        return self.fma(scale, expm1_r, self.builder.fsub(scale, self.real(1.0)))

    def expm1(self, x: Any) -> Any:
        """exp(x) - 1 for x <= 0, and 0 above."""
        within = self.at_most(self.at_least(x, -2.0 * self.format.saturated), 0.0)
        return self.keep_nan(x, self.expm1_within(within))

    def log_near_one(self, g: Any) -> Any:
        """log(1 + g) for 1 + g between sqrt(1/2) and sqrt(2).

        It is 2 artanh(s) with s = g / (2 + g), |s| <= 0.172: g - s * (g - rest) with the series
        rest = 2 (s**2 / 3 + s**4 / 5 + ...), in which the rounding error of s counts little for small g.
        """
        s = self.builder.fdiv(g, self.builder.fadd(g, self.real(2.0)))
        square = self.builder.fmul(s, s)
        rest = self.real(2.0 / (2 * self.format.log_terms + 1))
        for k in range(self.format.log_terms - 1, 0, -1):
            rest = self.fma(rest, square, self.real(2.0 / (2 * k + 1)))
        return self.fma(s, self.builder.fsub(self.builder.fmul(rest, square), g), g)

    def log1p(self, x: Any) -> Any:
        """log(1 + x) for x in [0, 1], where need be as ln 2 + log((1 + x) / 2)."""
        upper = self.builder.fcmp_ordered(">", x, self.real(math.sqrt(2.0) - 1.0))
        g = self.builder.select(upper, self.fma(x, self.real(0.5), self.real(-0.5)), x)
        extra = self.builder.select(upper, self.real(math.log(2.0)), self.real(0.0))
        return self.builder.fadd(self.log_near_one(g), extra)

    def log(self, x: Any) -> Any:
        """n ln 2 + log(m) with x = 2**n m, m near 1, for finite normal numbers x; NaN for negative ones and NaN."""
        bits = np.float32 if self.width == 32 else np.float64
        low, one = (int(np.array(value, bits).view(f"u{bits().itemsize}")) for value in (math.sqrt(0.5), 1.0))
        moved = self.builder.add(self.builder.bitcast(x, self.integer), self._constant(self.integer, one - low))
        n = self.builder.lshr(moved, self.mantissa)
        n = self.builder.trunc(n, self.int32) if self.width == 64 else n
        n = self.builder.sitofp(self.builder.sub(n, self._constant(self.int32, self.format.exponent_bias)), self.kind)
        rest = self.builder.and_(moved, self._constant(self.integer, 2**self.format.mantissa_bits - 1))
        m = self.builder.bitcast(self.builder.add(rest, self._constant(self.integer, low)), self.kind)
        value = self.fma(n, self.real(self.format.ln2_low), self.log_near_one(self.builder.fsub(m, self.real(1.0))))
        value = self.fma(n, self.real(self.format.ln2_high), value)
        return self.builder.select(self.builder.fcmp_ordered(">=", x, self.real(0.0)), value, self.real(math.nan))

    def tanh(self, x: Any) -> Any:
        """|q / (2 + q)| with q = expm1(-2 |x|), and the sign of x."""
        size = self.at_most(call_intrinsic(self.builder, "fabs", x), self.format.saturated)
        q = self.expm1_within(size, -2.0)
        value = self.builder.fdiv(q, self.builder.fadd(self.real(2.0), q))
        return self.keep_nan(x, call_intrinsic(self.builder, "copysign", value, x))

    def sqrt(self, x: Any) -> Any:
        """Square root by the processor's instruction, which rounds as IEEE 754 says."""
        return call_intrinsic(self.builder, "sqrt", x)

    def relu(self, x: Any) -> Any:
        """0 where x <= 0, else x: a NaN is not <= 0 and stays."""
        return self.builder.select(self.builder.fcmp_ordered("<=", x, self.real(0.0)), self.real(0.0), x)


@emitted
def relu_gradient(_typing: Any, dy: Any, y: Any) -> Any:
    """Choose dy where y > 0, y where that is NaN, else 0; a choice without a branch, which becomes vector code."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        dy, y = args
        zero = ir.Constant(y.type, 0.0)
        otherwise = builder.select(builder.fcmp_unordered("uno", y, y), y, zero)
        return builder.select(builder.fcmp_ordered(">", y, zero), dy, otherwise)

    return y(dy, y), codegen


@emitted
def choose(_typing: Any, condition: Any, x: Any, y: Any) -> Any:
    """Return x if the condition holds, else y; both are computed, without a branch."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return x(types.boolean, x, x), codegen


@emitted
def like(_typing: Any, value: Any, x: Any) -> Any:
    """Round a constant to the type of x."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        constant, x = args
        return constant if constant.type == x.type else builder.fptrunc(constant, x.type)

    return x(types.float64, x), codegen


def _scalar_function(name: str) -> Any:
    @emitted
    def function(_typing: Any, x: Any) -> Any:
        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return getattr(Emitter(builder, args[0].type), name)(args[0])

        return x(x), codegen

    return function


exp, expm1, log, log1p = (_scalar_function(name) for name in ("exp", "expm1", "log", "log1p"))
sigmoid, sqrt, tanh, relu = (_scalar_function(name) for name in ("sigmoid", "sqrt", "tanh", "relu"))
