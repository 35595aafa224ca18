"""Optimizer steps, compiled, in place. The maths stands in `fastnet.reference.optimizers`.

The functions on slices do the work, here on whole vectors and inside the training step on the block of
weights whose gradient a tile has just finished, while both are in the first-level cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet._jit import inlined, kernel
from fastnet.kernels.arrays import locked
from fastnet.reference import training_checks as checks
from fastnet.reference.checks import FloatArray

CODES = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 3}
SGD, MOMENTUM, ADAM, ADAMW = 0, 1, 2, 3


@inlined
def sgd_update(p: Any, g: Any, lr: float) -> None:
    """p -= lr * g."""
    rate = p.dtype.type(lr)
    for i in range(p.size):
        p[i] -= rate * g[i]


@inlined
def momentum_update(p: Any, g: Any, v: Any, lr: float, momentum: float, nesterov: bool) -> None:
    """v = momentum * v - lr * g; p += v, or what the next step will add of v (Nesterov)."""
    rate, keep = p.dtype.type(lr), p.dtype.type(momentum)
    for i in range(p.size):
        step = rate * g[i]
        v[i] = keep * v[i] - step
        p[i] += keep * v[i] - step if nesterov else v[i]


@inlined
def adam_update(p: Any, g: Any, m: Any, v: Any, lr_t: float, beta1: float, beta2: float, eps: float) -> None:
    """m, v = running means of g, g * g; p -= lr_t * m / (sqrt(v) + eps)."""
    real = p.dtype.type
    rate, small = real(lr_t), real(eps)
    keep1, take1, keep2, take2 = real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2)
    for i in range(p.size):
        m[i] = keep1 * m[i] + take1 * g[i]
        v[i] = keep2 * v[i] + take2 * (g[i] * g[i])
        p[i] -= rate * m[i] / (np.sqrt(v[i]) + small)


@inlined
def decay(p: Any, rate: float) -> None:
    """p -= rate * p."""
    factor = p.dtype.type(rate)
    for i in range(p.size):
        p[i] -= factor * p[i]


@inlined
def rate_of_step(code: int, settings: Any, t: int) -> float:
    """Learning rate of step t; for Adam with both bias corrections folded in."""
    if code <= MOMENTUM:
        return settings[0]  # type: ignore[no-any-return]
    return settings[0] * math.sqrt(1.0 - settings[2] ** t) / (1.0 - settings[1] ** t)  # type: ignore[no-any-return]


@inlined
def update(code: int, settings: Any, rate: float, p: Any, g: Any, slot0: Any, slot1: Any) -> None:
    """Take one step; `settings` as in `train_epoch`, `rate` the learning rate of this very step."""
    if code == SGD:
        sgd_update(p, g, rate)
    elif code == MOMENTUM:
        momentum_update(p, g, slot0, rate, settings[1], settings[2] != 0.0)
    else:
        if code == ADAMW:
            decay(p, settings[0] * settings[4])
        adam_update(p, g, slot0, slot1, rate, settings[1], settings[2], settings[3])


@kernel
def _step(code: int, settings: Any, t: int, p: Any, g: Any, slot0: Any, slot1: Any) -> None:
    update(code, settings, rate_of_step(code, settings, t), p, g, slot0, slot1)


def settings_vector(settings: Sequence[Any]) -> npt.NDArray[np.float64]:
    """Lay out an optimizer's hyperparameters as kernels take them."""
    vector = np.zeros(5)
    vector[: len(settings)] = settings
    return vector


def _run(name: str, settings: tuple[Any, ...], t: int, p: FloatArray, g: FloatArray, *slots: FloatArray) -> None:
    """Call the kernel on contiguous vectors and see that the results arrive in the given ones."""
    vectors = [p, *slots]
    targets = [vector if vector.flags.c_contiguous else vector.copy() for vector in vectors]
    unused = [np.empty(0, p.dtype)] * (2 - len(slots))
    _step(CODES[name], settings_vector(settings), t, targets[0], locked(g), *targets[1:], *unused)
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
    """Adam with decoupled weight decay; one pass of vector code after that of the decay."""
    checks.vectors(("p", "m", "v"), p=p, g=g, m=m, v=v)
    checks.hyperparameters(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    checks.whole("t", t, 1)
    _run("adamw", (lr, beta1, beta2, eps, weight_decay), int(t), p, g, m, v)
