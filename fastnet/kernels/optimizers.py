"""Optimizer steps, compiled, in place. The maths stands in `fastnet.reference.optimizers`.

The formulas are those of `fastnet.kernels.codegen.optimizer_formulas`, which the training step applies to one tile of
weights while it computes the gradient of the next; here loops run them over whole vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba.core import types

from fastnet.compiler.policy import emitted, kernel
from fastnet.kernels.codegen.optimizer_formulas import (
    ADAM,
    ADAMW,
    CODES,
    FORMULAS,
    MOMENTUM,
    N_COEFFICIENTS,
    SGD,
    Formula,
    fill_coefficients,
)
from fastnet.kernels.runtime.arrays import read_only
from fastnet.validation import training as checks
from fastnet.validation.operations import FloatArray

__all__ = ["adam_step", "adamw_step", "momentum_step", "sgd_step"]


def _element(formula: Formula) -> Any:
    """Make a formula callable on one element: (p, m, v, g, coefficients) -> (p, m, v)."""

    @emitted
    def element(_typing: Any, p: Any, m: Any, v: Any, g: Any, coefficients: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            *state, g, constants = args
            after = formula.update(builder, tuple(state), g, lambda i: builder.extract_value(constants, i))
            return context.make_tuple(builder, signature.return_type, after)

        triple: Any = types.UniTuple
        return triple(p, 3)(p, m, v, g, coefficients), codegen

    return element


sgd, momentum, adam, adamw = (_element(FORMULAS[code]) for code in (SGD, MOMENTUM, ADAM, ADAMW))


@kernel
def _step(code: int, settings: Any, t: int, coefficients: Any, p: Any, g: Any, m: Any, v: Any) -> None:
    fill_coefficients(code, settings, settings[0], 1.0, False, t, coefficients)
    # all N_COEFFICIENTS of them
    c = (
        coefficients[0], coefficients[1], coefficients[2], coefficients[3], coefficients[4], coefficients[5],
        coefficients[6], coefficients[7],
    )  # fmt: skip
    if code == SGD:
        for i in range(p.size):
            p[i], _, _ = sgd(p[i], g[i], g[i], g[i], c)
    elif code == MOMENTUM:
        for i in range(p.size):
            p[i], m[i], _ = momentum(p[i], m[i], g[i], g[i], c)
    elif code == ADAM:
        for i in range(p.size):
            p[i], m[i], v[i] = adam(p[i], m[i], v[i], g[i], c)
    else:
        for i in range(p.size):
            p[i], m[i], v[i] = adamw(p[i], m[i], v[i], g[i], c)


def settings_vector(settings: Sequence[Any]) -> npt.NDArray[np.float64]:
    """Lay out an optimizer's hyperparameters as kernels take them."""
    vector = np.zeros(5)
    vector[: len(settings)] = settings
    return vector


def _run(name: str, settings: tuple[Any, ...], t: int, p: FloatArray, g: FloatArray, *state: FloatArray) -> None:
    """Call the kernel on contiguous vectors and see that the results arrive in the given ones."""
    vectors = [p, *state]
    targets = [vector if vector.flags.c_contiguous else vector.copy() for vector in vectors]
    unused = [np.empty(0, p.dtype)] * (2 - len(state))
    constants = np.zeros(N_COEFFICIENTS, p.dtype)
    _step(CODES[name], settings_vector(settings), t, constants, targets[0], read_only(g), *targets[1:], *unused)
    for vector, target in zip(vectors, targets, strict=True):
        if target is not vector:
            vector[...] = target


def sgd_step(p: FloatArray, g: FloatArray, lr: float) -> None:
    """p -= lr * g; one pass of vector code."""
    checks.vectors(("p",), p=p, g=g)
    checks.hyperparameters(lr=lr)
    _run("sgd", (lr,), 1, p, g)


def momentum_step(
    p: FloatArray, g: FloatArray, v: FloatArray, lr: float, momentum: float, nesterov: bool = False
) -> None:
    """Classic or Nesterov momentum; one pass of vector code."""
    checks.vectors(("p", "v"), p=p, g=g, v=v)
    checks.hyperparameters(lr=lr, momentum=momentum, nesterov=nesterov)
    _run("momentum", (lr, momentum, nesterov), 1, p, g, v)


def adam_step(
    p: FloatArray,
    g: FloatArray,
    m: FloatArray,
    v: FloatArray,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    t: int,
) -> None:
    """Adam with both bias corrections in the learning rate; one pass of vector code."""
    checks.vectors(("p", "m", "v"), p=p, g=g, m=m, v=v)
    checks.hyperparameters(lr=lr, beta1=beta1, beta2=beta2, eps=eps)
    checks.whole("t", t, 1)
    _run("adam", (lr, beta1, beta2, eps), int(t), p, g, m, v)


def adamw_step(
    p: FloatArray,
    g: FloatArray,
    m: FloatArray,
    v: FloatArray,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    t: int,
) -> None:
    """Adam with decoupled weight decay; one pass of vector code, decay and all."""
    checks.vectors(("p", "m", "v"), p=p, g=g, m=m, v=v)
    checks.hyperparameters(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    checks.whole("t", t, 1)
    _run("adamw", (lr, beta1, beta2, eps, weight_decay), int(t), p, g, m, v)
