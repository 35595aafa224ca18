"""What each parameter of an estimator may be, for scikit-learn to check before a fit."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fastnet.validation import activations
from fastnet.validation.settings import SCHEDULES, hidden_dropout

ACTIVATIONS = {(activation.sklearn or name): name for name, activation in activations.ACTIVATIONS.items()}
"""scikit-learn's names of activations, and ours after them, with what the backends call them."""

STOCHASTIC_SOLVERS = ("sgd", "adam", "adamw")

_AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_BELOW_ONE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _AT_LEAST_ONE],
    "activation": [StrOptions(set(ACTIVATIONS)), "array-like"],
    "solver": [StrOptions({"lbfgs", *STOCHASTIC_SOLVERS})],
    "alpha": [_NOT_NEGATIVE],
    "batch_size": [StrOptions({"auto"}), _AT_LEAST_ONE],
    "learning_rate": [
        StrOptions({*SCHEDULES, "invscaling", "adaptive", "step", "plateau"}),
    ],
    "learning_rate_init": [_POSITIVE],
    "power_t": [_NOT_NEGATIVE],
    "max_iter": [_AT_LEAST_ONE],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_NOT_NEGATIVE],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_BELOW_ONE],
    "beta_1": [_BELOW_ONE],
    "beta_2": [_BELOW_ONE],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [_AT_LEAST_ONE, Options(Real, {np.inf})],
    "max_fun": [_AT_LEAST_ONE],
    "backend": [StrOptions({"numba", "numpy"})],
    "n_threads": [_AT_LEAST_ONE, None],
    "dtype": [StrOptions({"float32", "float64"}), None],
    "dropout": [_BELOW_ONE, "array-like"],
    "weight_decay": [_NOT_NEGATIVE],
    "clip_norm": [_POSITIVE, None],
    "clip_value": [_POSITIVE, None],
    "warmup": [Interval(Integral, 0, None, closed="left")],
    "decay": [Interval(Real, 0, 1, closed="neither")],
    "decay_every": [_AT_LEAST_ONE],
    "min_learning_rate": [_NOT_NEGATIVE],
    "scoring": [str, callable, None],
    "callbacks": [tuple, list],
    "progress_bar": ["boolean"],
    "max_time": [_POSITIVE, None],
}


def hidden_sizes(value: Any) -> tuple[int, ...]:
    """Return the sizes of the hidden layers."""
    sizes = list(value) if isinstance(value, Iterable) else [value]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    for size in sizes:
        if not isinstance(size, Integral):
            raise ValueError(f"hidden_layer_sizes must be whole numbers, got {sizes}")
    return tuple(int(size) for size in sizes)


def hidden_activations(value: Any, n_hidden: int) -> tuple[str, ...]:
    """Return the backends' name of each hidden layer's activation."""
    names = (value,) * n_hidden if isinstance(value, str) else tuple(value)
    if len(names) != n_hidden:
        raise ValueError(f"activation must be one name, or {n_hidden} for as many hidden layers, got {len(names)}")
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(f"activation must be of {', '.join(ACTIVATIONS)}, got {name!r}")
    return tuple(ACTIVATIONS[name] for name in names)


def dropout(value: Any, n_hidden: int) -> float | tuple[float, ...]:
    """Return one rate, or that of each hidden layer."""
    rates = float(value) if isinstance(value, Real) else tuple(float(rate) for rate in value)
    hidden_dropout(rates, n_hidden)
    return rates
