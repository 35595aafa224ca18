"""Export to ONNX, which many runtimes read. It needs the extra `onnx`."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.models.document import to_document
from fastnet.models.model import Model
from fastnet.models.onnx_layers import GELU_OPSET, add_layers
from fastnet.output.atomic import replacing
from fastnet.output.endings import check_ending
from fastnet.tables.onnx_nodes import CATEGORIES, NUMBERS, add_table, table_inputs
from fastnet.validation import training as training_checks
from fastnet.validation.training import LABELLED

INPUTS = ("float32", "float64", "uint8")


def export_onnx(path: str | os.PathLike[str], model: Model, input_dtype: str | None = None) -> None:
    """Write a model as an ONNX graph, which computes in the network's dtype.

    Its input is "inputs" (n_samples, n_features), as the data held them: scaling and preprocessing are part of the
    graph. Its outputs are "logits" (n_samples, n_outputs) and, as the loss has it, "probabilities" of the same shape
    with "labels" (n_samples,), or (n_samples, n_outputs) for several independent outputs, int64; or "predictions". The
    model's configuration, with the names of classes, of features and of the column of labels, is JSON text under
    "fastnet" in the file's metadata, and the names of classes alone, in order, under "classes".

    A model that takes a table has two inputs instead: "numbers" (n_samples, n_number_columns), NaN for gaps, and
    "categories" (n_samples, n_category_columns), text, each with the columns of its kind in the order of
    `model.table.columns.names`. Text that is no category stands for what is missing; booleans are "True" and "False".

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced.
    model : Model
        What to write.
    input_dtype : {"float32", "float64", "uint8"}, optional
        Type of the inputs; the network's, if not given.

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed.
    ValueError
        For another type of inputs.
    OSError
        If the file cannot be written.
    """
    check_ending(path, "an ONNX graph")
    dtype = model.network.dtype.name if input_dtype is None else input_dtype
    training_checks.choice("input_dtype", dtype, INPUTS)
    try:
        import onnx
    except ModuleNotFoundError:
        raise ModuleNotFoundError("ONNX export needs the package onnx: pip install onnx") from None
    if model.table is not None and dtype == "uint8":
        raise ValueError("input_dtype must be float32 or float64 for a table, whose gaps are NaN, got uint8")
    graph = _Graph(onnx, model.network.dtype)
    logits = add_layers(graph, model.network, _inputs(graph, model, dtype))
    outputs = [("logits", graph.type_of(), 2), *_answers(graph, model, logits)]
    info, sizes = onnx.helper.make_tensor_value_info, model.network.sizes
    shape: dict[int, list[str | int]] = {2: ["n_samples", sizes[-1]], 1: ["n_samples"]}
    made = onnx.helper.make_graph(
        graph.nodes, "fastnet", [info(name, kind, ["n_samples", n]) for name, kind, n in _columns(graph, model, dtype)],
        [info(name, kind, shape[dimensions]) for name, kind, dimensions in outputs], graph.constants,
    )  # fmt: skip
    versions = {"opset_imports": [onnx.helper.make_opsetid("", GELU_OPSET)], "producer_version": model.version}
    document = onnx.helper.make_model(made, producer_name="fastnet", **versions)
    document.ir_version = 9  # of the opset's time; newer ones are refused by older runtimes
    properties = {"fastnet": to_document(model)[1]["configuration"]}
    if model.n_classes is not None:
        properties["classes"] = json.dumps(model.labels or list(range(model.n_classes)), ensure_ascii=False)
    onnx.helper.set_model_props(document, properties)
    onnx.checker.check_model(document, full_check=True)
    with replacing(path) as file:
        file.write(document.SerializeToString())


class _Graph:
    """Nodes and constants as they come; `dtype` is that of most."""

    def __init__(self, onnx: Any, dtype: npt.DTypeLike) -> None:
        self._onnx, self.dtype, self.opset = onnx, np.dtype(dtype), GELU_OPSET
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def type_of(self, dtype: npt.DTypeLike | None = None) -> int:
        """Return ONNX's number of a dtype, or of that of the graph."""
        number: int = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype))
        return number

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        self.nodes.append(self._onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: Any, dtype: npt.DTypeLike | None = None) -> str:
        """Add a constant, and return its name."""
        array = np.array(value, dtype or self.dtype, order="C")
        self.constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def cast(self, name: str, given: npt.DTypeLike, wanted: npt.DTypeLike, output: str) -> str:
        """Convert where that is needed, and return the name of the result."""
        return name if np.dtype(given) == wanted else self.add("Cast", [name], output, to=self.type_of(wanted))


def _columns(graph: _Graph, model: Model, dtype: str) -> list[tuple[str, int, int]]:
    """Return names, types and numbers of columns of the graph's inputs."""
    if model.table is None:
        return [("inputs", graph.type_of(dtype), model.network.sizes[0])]
    kinds = {NUMBERS: graph.type_of(dtype), CATEGORIES: graph.type_of(np.object_)}
    return [(name, kinds[name], count) for name, count in table_inputs(model.table).items()]


def _inputs(graph: _Graph, model: Model, dtype: str) -> str:
    """Prepare inputs, in float64 as `Preprocessing` does."""
    if model.table is not None:
        return graph.cast(add_table(graph, model.table, dtype), np.float64, graph.dtype, "inputs_cast")
    name, preprocessing = "inputs", model.preprocessing
    if preprocessing is not None:
        name, dtype = graph.cast(name, dtype, np.float64, "inputs_float64"), "float64"
        name = graph.add("Sub", [name, graph.constant("shift", preprocessing.shift, np.float64)], "shifted")
        name = graph.add("Mul", [name, graph.constant("scale", preprocessing.scale, np.float64)], "prepared")
    name = graph.cast(name, dtype, graph.dtype, "inputs_cast")
    if model.network.input_scale == 1:
        return name
    return graph.add("Mul", [name, graph.constant("input_scale", model.network.input_scale)], "scaled")


def _answers(graph: _Graph, model: Model, logits: str) -> list[tuple[str, int, int]]:
    """Add what the loss makes of the last layer's outputs; return names, types and dimensions."""
    float_, int64 = graph.type_of(), graph.type_of(np.int64)
    if model.loss in LABELLED:
        graph.add("Softmax", [logits], "probabilities", axis=1)
        graph.add("ArgMax", [logits], "labels", axis=1, keepdims=0)
        return [("probabilities", float_, 2), ("labels", int64, 1)]
    if model.loss == "binary_cross_entropy":
        graph.add("Sigmoid", [logits], "probabilities")
        positive = graph.add("Greater", [logits, graph.constant("zero", 0.0)], "positive")
        is_single = model.n_classes is not None
        if is_single:
            positive = graph.add("Squeeze", [positive, graph.constant("last", [1], np.int64)], "positive_class")
        graph.add("Cast", [positive], "labels", to=int64)
        return [("probabilities", float_, 2), ("labels", int64, 1 if is_single else 2)]
    graph.add("Exp" if model.loss == "poisson" else "Identity", [logits], "predictions")
    return [("predictions", float_, 2)]
