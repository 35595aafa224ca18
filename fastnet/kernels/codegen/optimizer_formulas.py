"""The optimizers' formulas, said once: for the vectors of a weight tile and for loops over whole vectors.

Each takes the parameters, two vectors of state and the gradient as LLVM values, scalars or vectors, and what is
constant during a step as a function that gives the i-th coefficient in their type. The maths stands in
`fastnet.reference.optimizers`, whose order of operations is kept. Only the powers of Adam's betas, which are multiplied
out here, may differ from its own in the last bit of a double.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastnet.compiler.policy import inlined
from fastnet.kernels.codegen.elementary import sqrt
from fastnet.kernels.codegen.ir import call_intrinsic

CODES = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 3}
SGD, MOMENTUM, ADAM, ADAMW = 0, 1, 2, 3
NONE = 4
"""In place of an optimizer: nothing is to be updated yet."""

N_COEFFICIENTS = 8

PENALTY = 7
"""Index of the coefficient by which weights are multiplied and added to their gradient, where there is a penalty."""

TINY_FLOAT, TINY_DOUBLE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float64).tiny)
"""The least normal numbers: what is added to a denominator in Adam is no smaller."""

Coefficients = Callable[[int], Any]
State = tuple[Any, Any, Any]


@inlined
def _power(base: float, exponent: int) -> float:
    """Square and multiply: the powers of C libraries differ in the last bit, and Numba takes theirs from 2**16 on."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


PENALISED, GROUPED = 1, 2
"""Options of an update, bits that are known while compiling: there is a penalty on weights; the biases of a layer have
coefficients of their own, which lie behind those of its weights."""


@inlined
def fill_coefficients(
    code: int, settings: Any, lr: float, epsilon: float, corrected: bool, t: int, coefficients: Any
) -> None:
    """Work out in float64 what is constant in step t, from settings as `train_epoch` takes them, and a learning rate.

    Adam's eps is multiplied by `epsilon`, and if it is to be added to the corrected root, by that of the correction.
    """
    coefficients[0] = lr
    if code == MOMENTUM:
        nesterov = settings[2] != 0.0
        coefficients[1] = settings[1]
        coefficients[2] = settings[1] if nesterov else 1.0
        coefficients[3] = 1.0 if nesterov else 0.0
    elif code != SGD:
        beta1, beta2 = settings[1], settings[2]
        coefficients[0] = lr * sqrt(1.0 - _power(beta2, t)) / (1.0 - _power(beta1, t))
        coefficients[1], coefficients[2] = beta1, 1.0 - beta1
        coefficients[3], coefficients[4] = beta2, 1.0 - beta2
        eps = settings[3] * (epsilon * sqrt(1.0 - _power(beta2, t)) if corrected else epsilon)
        coefficients[5] = max(eps, TINY_FLOAT if coefficients.itemsize == 4 else TINY_DOUBLE)
        coefficients[6] = lr * settings[4]  # of AdamW's weight decay


def sgd(builder: Any, state: State, g: Any, c: Coefficients) -> State:
    """p -= lr * g."""
    p, m, v = state
    return builder.fsub(p, builder.fmul(c(0), g)), m, v


def momentum(builder: Any, state: State, g: Any, c: Coefficients) -> State:
    """velocity = momentum * velocity - lr * g; p += velocity, or momentum * velocity - lr * g once more (Nesterov)."""
    p, velocity, v = state
    step = builder.fmul(c(0), g)
    velocity = builder.fsub(builder.fmul(c(1), velocity), step)
    ahead = builder.fsub(builder.fmul(c(2), velocity), builder.fmul(c(3), step))
    return builder.fadd(p, ahead), velocity, v


def adam(builder: Any, state: State, g: Any, c: Coefficients) -> State:
    """m, v = running means of g and g * g; p -= rate * m / (sqrt(v) + eps)."""
    p, m, v = state
    m = builder.fadd(builder.fmul(c(1), m), builder.fmul(c(2), g))
    v = builder.fadd(builder.fmul(c(3), v), builder.fmul(c(4), builder.fmul(g, g)))
    size = builder.fadd(call_intrinsic(builder, "sqrt", v), c(5))
    return builder.fsub(p, builder.fdiv(builder.fmul(c(0), m), size)), m, v


def adamw(builder: Any, state: State, g: Any, c: Coefficients) -> State:
    """p -= lr * decay * p, and then as Adam."""
    p, m, v = state
    return adam(builder, (builder.fsub(p, builder.fmul(c(6), p)), m, v), g, c)


class Formula(NamedTuple):
    """An optimizer's update, and the count of vectors of state it keeps."""

    update: Callable[[Any, State, Any, Coefficients], State]
    n_state: int


FORMULAS = {SGD: Formula(sgd, 0), MOMENTUM: Formula(momentum, 1), ADAM: Formula(adam, 2), ADAMW: Formula(adamw, 2)}
