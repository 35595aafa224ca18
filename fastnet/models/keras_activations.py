"""Activations and losses by Keras' names."""

from __future__ import annotations

import math
from typing import Any

from fastnet.reference.rectifiers import LEAKY_SLOPE
from fastnet.validation import training as training_checks
from fastnet.validation.activations import ACTIVATIONS
from fastnet.validation.training import LABELLED

LAYERS = ("ReLU", "LeakyReLU", "ELU", "Softmax")
"""Layers that are an activation."""

ENDS = {
    "identity": training_checks.LOSSES, "softmax": LABELLED, "sigmoid": ("binary_cross_entropy",),
    "exponential": ("poisson",),
}  # fmt: skip
"""Activations behind the last layer, and the losses under which a model predicts the same without them."""

_OTHER_NAMES = {"linear": "identity", "swish": "silu"}

_OTHER_FUNCTIONS = {"gelu": "gelu by erf", "leaky_relu": "leaky_relu with negative_slope=0.2"}
"""What has one name in both, and other formulas."""


def activation_of(kind: str, config: dict[str, Any]) -> str:
    """Return our name for the activation of a layer of some kind, or what else it is in words."""
    if kind in LAYERS:
        return _of_layer(kind, config)
    name = config.get("activation", "linear")
    if not isinstance(name, str):  # a function that Keras does not know, as it would be saved
        own = name.get("config") if isinstance(name, dict) else None
        return f"{own if isinstance(own, str) else 'a function'} of one's own"
    return _OTHER_FUNCTIONS.get(name) or _OTHER_NAMES.get(name, name)


def _of_layer(kind: str, config: dict[str, Any]) -> str:
    slope = config.get("negative_slope", config.get("alpha", 0.0))  # Keras 2 had it as alpha
    if kind == "Softmax":
        return "softmax" if config.get("axis", -1) in (-1, 1) else f"softmax along axis {config['axis']}"
    if kind == "ELU":
        return "elu" if config.get("alpha", 1.0) == 1 else f"elu with alpha={config['alpha']}"
    if config.get("max_value") is not None or config.get("threshold"):
        return f"relu with max_value={config.get('max_value')}, threshold={config.get('threshold')}"
    if slope == 0:
        return "relu"
    return "leaky_relu" if math.isclose(slope, LEAKY_SLOPE, rel_tol=1e-6) else f"leaky_relu with negative_slope={slope}"


def check_hidden(layer: str, activation: str) -> None:
    """Raise ValueError for a hidden layer's activation that there is not."""
    if activation not in ACTIVATIONS:
        expected = ", ".join(ACTIVATIONS)
        raise ValueError(
            f"model: layer {layer!r} has the activation {activation}, expected one of {expected} (leaky_relu of slope "
            f"{LEAKY_SLOPE}, gelu by tanh); activations= may name another in its place"
        )


def loss_of(layer: str, activation: str, compiled: Any, chosen: str | None) -> str:
    """Return the loss that says what the outputs of a last layer mean.

    `compiled` is the loss that Keras trained with, if any, and `chosen` one to take in place of what follows from it.
    """
    if activation not in ENDS:
        expected = ", ".join(ENDS)
        raise ValueError(f"model: the last layer {layer!r} has the activation {activation}, expected one of {expected}")
    possible = ENDS[activation]
    if chosen is not None:
        training_checks.choice(f"loss, for outputs of {activation},", chosen, possible)
        return chosen
    return possible[0] if activation != "identity" else _of_linear_outputs(compiled)


def _of_linear_outputs(compiled: Any) -> str:
    """Return the loss of logits, if Keras trained with one of them, and of values if not."""
    config = compiled.get_config() if hasattr(compiled, "get_config") else {}
    if not config.get("from_logits"):
        return "squared_error"
    return "binary_cross_entropy" if "binary" in str(config.get("name")) else "cross_entropy"
