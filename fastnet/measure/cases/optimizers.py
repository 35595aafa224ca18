"""Cases of optimizer steps."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fastnet.measure.cases.case import Arguments, Bound, Case, labelled, normal, positive

VECTORS = [0, 1, 31, 33]
REALISTIC_VECTORS = [101_770]

HYPERPARAMETERS = {
    "sgd": {"lr": 0.1},
    "momentum": {"lr": 0.1, "momentum": 0.9, "nesterov": False},
    "nesterov": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "adam": {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3},
    "adamw": {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.1},
}
STATE_NAMES = {"sgd": (), "momentum": ("v",), "nesterov": ("v",), "adam": ("m", "v"), "adamw": ("m", "v")}
STEP = 3


def _optimizer_step(name: str, n: int, dtype: Any, rng: np.random.Generator) -> Arguments:
    given = {argument: normal(rng, dtype, n) for argument in ("p", "g", *STATE_NAMES[name])}
    if name in ("adam", "adamw"):
        given["v"] *= given["v"]
        return {**given, **HYPERPARAMETERS[name], "t": STEP}
    return {**given, **HYPERPARAMETERS[name]}


def _optimizer_bounds(name: str, given: Arguments, _expected: list[Any]) -> list[Bound]:
    p, g, *state = positive(given["p"], given["g"], *(given[vector] for vector in STATE_NAMES[name]))
    lr = given["lr"]
    if name == "sgd":
        return [(1, p + lr * g)]
    if name in ("momentum", "nesterov"):
        v = given["momentum"] * state[0] + lr * g
        return [(1, p + v + lr * g), (1, v)]
    beta1, beta2 = given["beta1"], given["beta2"]
    m, v = beta1 * state[0] + (1 - beta1) * g, beta2 * state[1] + (1 - beta2) * g * g
    # 1 - beta**t loses to cancellation: its error is that of 1, relative to what is left
    moved = lr * m / (np.sqrt(v) + given["eps"]) / (1 - beta1**STEP) / (1 - beta2**STEP)
    return [(1, p + moved), (1, m), (1, v)]


def optimizer_cases() -> list[Case]:
    """Return all of them."""
    cases = []
    for name, state in STATE_NAMES.items():
        for n, label, real in labelled(VECTORS, REALISTIC_VECTORS):
            make, bounds = partial(_optimizer_step, name, n), partial(_optimizer_bounds, name)
            operation = "momentum_step" if name == "nesterov" else f"{name}_step"
            size = f"{label} nesterov" if name == "nesterov" else label
            cases.append(Case(operation, size, make, bounds, ("p", *state), realistic=real))
    return cases
