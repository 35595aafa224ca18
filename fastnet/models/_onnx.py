"""Export to ONNX, which many runtimes read. It needs the extra `onnx`."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import numpy as np

from fastnet._atomic import replacing
from fastnet.models._document import to_document
from fastnet.models._model import Model
from fastnet.reference.training_checks import LABELLED

OPSET = 20
"""The first that knows GELU."""

OPERATORS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "identity": "Identity", "leaky_relu": "LeakyRelu",
    "elu": "Elu", "selu": "Selu", "gelu": "Gelu", "softplus": "Softplus",
}  # fmt: skip
"""Activations that are one operator, but for GELU with its default settings; SiLU is x * sigmoid(x)."""


def export_onnx(path: str | os.PathLike[str], model: Model) -> None:
    """Write a model as an ONNX graph, which computes in float32.

    Its input is "inputs", float32 (n_samples, n_features), as the data held them: scaling and preprocessing are part
    of the graph. Its outputs are "logits" (n_samples, n_outputs) and, as the loss has it, "probabilities" of the same
    shape with "labels" (n_samples,), or (n_samples, n_outputs) for independent outputs, int64; or "predictions".

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced.
    model : Model
        What to write.

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed.
    OSError
        If the file cannot be written.
    """
    try:
        import onnx
    except ModuleNotFoundError:
        raise ModuleNotFoundError('ONNX export needs the package onnx: pip install "fastnet[onnx]"') from None
    graph = _Graph(onnx)
    logits = _layers(graph, model, _inputs(graph, model))
    outputs = [("logits", onnx.TensorProto.FLOAT, 2), *_answers(graph, model, logits)]
    float_, network = onnx.TensorProto.FLOAT, model.network
    info = onnx.helper.make_tensor_value_info
    shape: dict[int, list[str | int | None]] = {2: ["n_samples", network.sizes[-1]], 1: ["n_samples"]}
    made = onnx.helper.make_graph(
        graph.nodes, "fastnet", [info("inputs", float_, ["n_samples", network.sizes[0]])],
        [info(name, kind, shape[dimensions]) for name, kind, dimensions in outputs], graph.constants,
    )  # fmt: skip
    versions = {"opset_imports": [onnx.helper.make_opsetid("", OPSET)], "producer_version": model.version}
    document = onnx.helper.make_model(made, producer_name="fastnet", **versions)
    document.ir_version = 9  # of the opset's time; newer ones are refused by older runtimes
    onnx.helper.set_model_props(document, {"fastnet": to_document(model)[1]["configuration"]})
    onnx.checker.check_model(document, full_check=True)
    with replacing(path) as file:
        file.write(document.SerializeToString())


class _Graph:
    """Nodes and constants as they come."""

    def __init__(self, onnx: Any) -> None:
        self._onnx, self.nodes, self.constants = onnx, [], []  # type: ignore[var-annotated]

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        self.nodes.append(self._onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        """Add a constant, and return its name."""
        self.constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name


def _inputs(graph: _Graph, model: Model) -> str:
    """Prepare inputs."""
    name, scale = "inputs", np.array(model.network.input_scale)
    if model.preprocessing is not None:
        name = graph.add("Sub", [name, graph.constant("shift", model.preprocessing.shift)], "shifted")
        scale = scale * model.preprocessing.scale
    if np.all(scale == 1):
        return name
    return graph.add("Mul", [name, graph.constant("scale", scale)], "scaled")


def _layers(graph: _Graph, model: Model, name: str) -> str:
    network = model.network
    for i, _ in enumerate(pairwise(network.sizes)):
        W = graph.constant(f"weight_{i}", network.weights[i])
        b = graph.constant(f"bias_{i}", network.biases[i])
        is_last = i == len(network.activations)
        name = graph.add("Gemm", [name, W, b], "logits" if is_last else f"sums_{i}")
        if is_last:
            return name
        activation = network.activations[i]
        if activation == "silu":
            name = graph.add("Mul", [name, graph.add("Sigmoid", [name], f"gate_{i}")], f"outputs_{i}")
        else:
            attributes = {"approximate": "tanh"} if activation == "gelu" else {}
            name = graph.add(OPERATORS[activation], [name], f"outputs_{i}", **attributes)
    return name


def _answers(graph: _Graph, model: Model, logits: str) -> list[tuple[str, int, int]]:
    """Add what the loss makes of the last layer's outputs; return names, types and dimensions."""
    onnx = graph._onnx
    float_, int64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    if model.loss in LABELLED:
        graph.add("Softmax", [logits], "probabilities", axis=1)
        graph.add("ArgMax", [logits], "labels", axis=1, keepdims=0)
        return [("probabilities", float_, 2), ("labels", int64, 1)]
    if model.loss == "binary_cross_entropy":
        graph.add("Sigmoid", [logits], "probabilities")
        positive = graph.add("Greater", [logits, graph.constant("zero", 0.0)], "positive")
        graph.add("Cast", [positive], "labels", to=int64)
        return [("probabilities", float_, 2), ("labels", int64, 2)]
    graph.add("Exp" if model.loss == "poisson" else "Identity", [logits], "predictions")
    return [("predictions", float_, 2)]
