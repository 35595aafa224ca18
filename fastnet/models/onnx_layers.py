"""The layers of a network as operators of ONNX, for a graph of whatever library."""

from __future__ import annotations

from itertools import count
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastnet.network import Network
from fastnet.reference import gated, rectifiers

GELU_OPSET = 20
"""The first that knows GELU; what is as old knows all other operators too."""

OPERATORS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "identity": "Identity", "leaky_relu": "LeakyRelu",
    "elu": "Elu", "selu": "Selu", "gelu": "Gelu", "softplus": "Softplus",
}  # fmt: skip
"""Activations that are one operator, all but GELU's with its default settings; SiLU and Mish are made of several."""

FLOAT32_ONLY = ("leaky_relu", "elu", "selu", "gelu", "softplus")
"""Those made of other operators in float64, where onnxruntime lacks theirs, or GELU's has constants of float32."""


class Graph(Protocol):
    """A graph to which nodes and constants are added; `dtype` is that in which it computes."""

    dtype: np.dtype[Any]
    opset: int

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node, and return the name of its output, after the one proposed."""

    def constant(self, name: str, value: Any, dtype: npt.DTypeLike | None = None) -> str:
        """Add a constant, in the graph's dtype if none is given, and return its name, after the one proposed."""


def add_layers(graph: Graph, network: Network, x: str) -> str:
    """Add all layers behind inputs that are scaled; return the name of what comes out of the last, "logits"."""
    last = len(network.activations)
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        inputs = [x, graph.constant(f"weight_{i}", W), graph.constant(f"bias_{i}", b)]
        x = graph.add("Gemm", inputs, "logits" if i == last else f"sums_{i}")
        if i < last:
            x = _activation(graph, network.activations[i], x, f"outputs_{i}")
    return x


def _activation(graph: Graph, activation: str, x: str, output: str) -> str:
    is_new = activation == "gelu" and graph.opset < GELU_OPSET
    if is_new or (activation in FLOAT32_ONLY and graph.dtype == np.float64):
        return _by_formula(graph, activation, x, output)
    if activation == "silu":
        return graph.add("Mul", [x, graph.add("Sigmoid", [x], f"{output}_gate")], output)
    if activation == "mish":
        gate = graph.add("Tanh", [_activation(graph, "softplus", x, f"{output}_softplus")], f"{output}_gate")
        return graph.add("Mul", [x, gate], output)
    attributes = {"approximate": "tanh"} if activation == "gelu" else {}
    return graph.add(OPERATORS[activation], [x], output, **attributes)


def _by_formula(graph: Graph, activation: str, x: str, output: str) -> str:
    """Add one of `FLOAT32_ONLY` by the formulas of the reference."""
    numbers = count()

    def add(operator: str, *inputs: str | float) -> str:
        name = f"{output}_{next(numbers)}"
        names = [
            part if isinstance(part, str) else graph.constant(f"{name}_{i}", part) for i, part in enumerate(inputs)
        ]
        return graph.add(operator, names, name)

    if activation == "gelu":
        cubic = add("Add", add("Mul", add("Mul", x, x), gated.GELU_CUBIC), 1.0)
        return graph.add("Mul", [x, add("Sigmoid", add("Mul", add("Mul", x, gated.GELU_FACTOR), cubic))], output)
    above = add("Max", x, 0.0)
    if activation == "softplus":
        below = add("Log", add("Add", add("Exp", add("Neg", add("Abs", x))), 1.0))
    elif activation == "leaky_relu":
        below = add("Mul", add("Min", x, 0.0), rectifiers.LEAKY_SLOPE)
    else:
        below = add("Sub", add("Exp", add("Min", x, 0.0)), 1.0)
    if activation == "selu":
        above = add("Mul", above, rectifiers.SELU_SCALE)
        below = add("Mul", below, rectifiers.SELU_SCALE * rectifiers.SELU_ALPHA)
    return graph.add("Add", [above, below], output)
