"""The optimizer's update of vectors of parameters with their gradient, emitted: at the end of a tile, or alone."""

from __future__ import annotations

from typing import Any, NamedTuple

from numba.core import types

from fastnet.compiler.policy import emitted
from fastnet.kernels.codegen.ir import call_intrinsic, llvm_float, loop, whole
from fastnet.kernels.codegen.optimizer_formulas import (
    FORMULAS,
    GROUPED,
    N_COEFFICIENTS,
    NONE,
    PENALISED,
    PENALTY,
)
from fastnet.kernels.codegen.vectors import Vectors


class Update(NamedTuple):
    """What is updated: parameters and the optimizer's state from `start` on, and what is constant during a step."""

    coefficients: Any
    p: Any
    m: Any
    v: Any
    start: int


_OF_GROUPS = (0, 5, 6)
"""Indices of the coefficients that groups of parameters may have different ones of: rates and Adam's eps."""


class VectorUpdate:
    """Emits the update of one vector after another, with options that are known while compiling."""

    def __init__(self, vec: Vectors, code: int, options: int, coefficients: Any) -> None:
        self.vec, self.formula, self._coefficients = vec, FORMULAS[code], coefficients
        self._constants = [vec.broadcast(vec.at(coefficients, i)) for i in range(N_COEFFICIENTS)]
        self._is_penalised, self._is_grouped = bool(options & PENALISED), bool(options & GROUPED)

    def _constants_of(self, is_weight: Any) -> list[Any]:
        """Return the coefficients of weights or of biases, as a bit tells."""
        if not self._is_grouped:
            return self._constants
        vec, constants = self.vec, list(self._constants)
        group = vec.builder.select(is_weight, self._coefficients, vec.at(self._coefficients, N_COEFFICIENTS))
        for i in _OF_GROUPS:
            constants[i] = vec.broadcast(vec.at(group, i))
        return constants

    def __call__(self, places: list[Any], gradient: Any, is_weight: Any) -> None:
        """Update the parameters and the state at `places` with a vector of the gradient.

        The bit `is_weight` tells whether they are weights, to which the gradient of the penalty is added, or biases.
        """
        vec, n_state = self.vec, self.formula.n_state
        state = [vec.load(place) for place in places[: 1 + n_state]] + [vec.constant(0.0)] * (2 - n_state)
        if self._is_penalised:
            factor = vec.builder.select(is_weight, self._constants[PENALTY], vec.constant(0.0))
            gradient = call_intrinsic(vec.builder, "fma", factor, state[0], gradient)
        constants = self._constants_of(is_weight)
        after = self.formula.update(vec.builder, tuple(state), gradient, constants.__getitem__)
        for value, place in zip(after[: 1 + n_state], places, strict=False):
            vec.store(value, place)


def fields(vec: Vectors, context: Any, kind: Any, value: Any) -> tuple[Any, list[Any]]:
    """Point at the coefficients of an `Update`, and at its parameters and state from its start on."""
    values = [vec.builder.extract_value(value, i) for i in range(5)]
    starts = [whole(0), *[values[4]] * 3]
    pointers = [vec.array(context, kind.types[i], values[i], starts[i]) for i in range(4)]
    return pointers[0], pointers[1:]


@emitted
def update_run(
    _typing: Any, code: Any, options: Any, n_weights: Any, update: Any, g: Any, g0: Any, count: Any, stride: Any
) -> Any:
    """Update `count` vectors of parameters with their gradient, from g[g0:] on.

    They are `stride` elements from each other. The first `n_weights` of them are weights, the others biases. The
    options and the code of the optimizer are known while compiling; NONE leaves everything as it is.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if code.literal_value == NONE:
            return context.get_dummy_value()
        vec = Vectors(builder, llvm_float(g.dtype))
        coefficients, state = fields(vec, context, signature.args[3], args[3])
        update_vector = VectorUpdate(vec, code.literal_value, options.literal_value, coefficients)
        gradient = vec.array(context, signature.args[4], args[4], args[5])

        def body(now: list[Any]) -> list[Any]:
            place = builder.mul(now[0], args[7])
            is_weight = builder.icmp_signed("<", now[0], args[2])
            update_vector([vec.at(own, place) for own in state], vec.load(vec.at(gradient, place)), is_weight)
            return [builder.add(now[0], whole(1))]

        loop(builder, args[6], [whole(0)], body)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(code, options, i64, update, g, i64, i64, i64), codegen
