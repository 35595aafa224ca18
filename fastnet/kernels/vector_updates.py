"""The optimizer's update of vectors of parameters with their gradient, emitted: among a tile's products, or alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba.core import types

from fastnet._jit import emitted
from fastnet.kernels.emit import Vectors, call_intrinsic, llvm_float, loop, whole
from fastnet.kernels.updates import FORMULAS, N_COEFFICIENTS, NONE, PENALTY


class Update(NamedTuple):
    """Vectors whose gradient is known, at equal distances, and how they are updated."""

    formula: Any
    n_slots: int
    n_vectors: Any
    pitch: Any  # elements from one to the next: those of a tall tile do not follow each other
    penalised: Any  # count of vectors that have a penalty; None where there is none at all
    coefficients: Any
    state: list[Any]  # parameters and slots
    gradient: Any


def update_vectors(vec: Vectors, update: Update) -> Callable[[Any], Any]:
    """Return what emits the update of one vector of the tile, and returns the index of the next."""
    builder = vec.builder
    constants = [vec.broadcast(vec.at(update.coefficients, i)) for i in range(N_COEFFICIENTS)]

    def update_vector(index: Any) -> Any:
        place = builder.mul(index, update.pitch)
        gradient = vec.load(vec.at(update.gradient, place))
        places = [vec.at(array, place) for array in update.state[: 1 + update.n_slots]]
        state = [vec.load(own) for own in places] + [gradient] * (2 - update.n_slots)
        if update.penalised is not None:
            has_one = builder.icmp_signed("<", index, update.penalised)
            factor = builder.select(has_one, constants[PENALTY], vec.constant(0.0))
            gradient = call_intrinsic(builder, "fma", factor, state[0], gradient)
        after = update.formula(builder, tuple(state), gradient, constants.__getitem__)
        for value, own in zip(after, places, strict=False):
            vec.store(value, own)
        return builder.add(index, whole(1))

    return update_vector


@emitted
def update_run(
    _typing: Any, code: Any, penalised: Any, n_penalised: Any, coefficients: Any, p: Any, slot0: Any, slot1: Any,
    u0: Any, g: Any, g0: Any, count: Any, pitch: Any,
) -> Any:  # fmt: skip
    """Update `count` vectors of parameters, from p[u0:] on, with their gradient, from g[g0:] on.

    They are `pitch` elements from each other. `penalised` tells whether there is a penalty, which the first
    `n_penalised` of them have. It and the code of the optimizer are known while compiling; NONE leaves everything as
    it is.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(p.dtype))

        def array(i: int, start: Any) -> Any:
            return vec.array(context, signature.args[i], args[i], start)

        if code.literal_value != NONE:
            update = Update(
                *FORMULAS[code.literal_value], args[10], args[11], args[2] if penalised.literal_value else None,
                array(3, whole(0)), [array(i, args[7]) for i in (4, 5, 6)], array(8, args[9]),
            )  # fmt: skip
            update_vector = update_vectors(vec, update)
            loop(builder, args[10], [whole(0)], lambda now: [update_vector(now[0])])
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(code, penalised, i64, coefficients, p, slot0, slot1, i64, g, i64, i64, i64), codegen
