"""The table of activations: what there is, and what others call it. Everything that offers activations reads it."""

from typing import NamedTuple


class Activation(NamedTuple):
    """What is known of an activation beside its formula.

    The formula and its gradient stand in `fastnet.reference` as `<name>_forward` and `<name>_backward`.
    """

    from_input: bool = False
    """Whether its slope is told by its inputs alone, for it falls before it rises: an output may come from two."""
    pytorch: str | None = None
    """Name of PyTorch's module."""
    sklearn: str | None = None
    """Name that scikit-learn's estimators have for it, where they have it."""


ACTIVATIONS = {
    "relu": Activation(pytorch="ReLU", sklearn="relu"),
    "sigmoid": Activation(pytorch="Sigmoid", sklearn="logistic"),
    "tanh": Activation(pytorch="Tanh", sklearn="tanh"),
    "identity": Activation(pytorch="Identity", sklearn="identity"),
    "leaky_relu": Activation(pytorch="LeakyReLU"),
    "elu": Activation(pytorch="ELU"),
    "selu": Activation(pytorch="SELU"),
    "gelu": Activation(from_input=True, pytorch="GELU"),
    "silu": Activation(from_input=True, pytorch="SiLU"),
    "softplus": Activation(pytorch="Softplus"),
    "mish": Activation(from_input=True, pytorch="Mish"),
}
"""All of them by name."""

FROM_INPUT = tuple(name for name, activation in ACTIVATIONS.items() if activation.from_input)
"""Activations whose outputs do not tell their slopes."""

SKLEARN = {activation.sklearn: name for name, activation in ACTIVATIONS.items() if activation.sklearn is not None}
"""Our names of scikit-learn's activations."""
