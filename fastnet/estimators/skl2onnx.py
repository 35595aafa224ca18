"""The estimators for skl2onnx, which makes ONNX of pipelines. It needs the extra `onnx`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.estimators.classifier import MLPClassifier
from fastnet.estimators.regressor import MLPRegressor
from fastnet.models.onnx_layers import add_layers

Array = npt.NDArray[Any]

OPTIONS = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]}
"""What may be asked for of a classifier, as of scikit-learn's."""


def register_skl2onnx() -> None:
    """Let skl2onnx convert the estimators, alone or as steps of pipelines, searches and the like.

    Graphs have the inputs, outputs and options that they have for scikit-learn's networks. Every activation is
    converted, one for each layer too, and every loss, Poisson's with its exponential; regressors may have several
    outputs. Classes must be integers, booleans or text, as in all of skl2onnx. A second call changes nothing.

    Raises
    ------
    ModuleNotFoundError
        If the package skl2onnx is not installed.

    Examples
    --------
    >>> import numpy as np, skl2onnx
    >>> register_skl2onnx()
    >>> X, y = np.eye(4, dtype=np.float32), [0, 1, 2, 2]
    >>> model = MLPClassifier((3,), tol=10.0, random_state=0).fit(X, y)
    >>> graph = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})
    >>> [output.name for output in graph.graph.output]
    ['label', 'probabilities']
    """
    try:
        from skl2onnx import update_registered_converter
    except ModuleNotFoundError:
        raise ModuleNotFoundError("skl2onnx is not installed: pip install skl2onnx") from None
    update_registered_converter(MLPClassifier, "FastnetMLPClassifier", _classified, _add_classifier, options=OPTIONS)
    update_registered_converter(MLPRegressor, "FastnetMLPRegressor", _regressed, _add_regressor)


class _Graph:
    """What skl2onnx has of the graph that it makes, as `add_layers` wants it; names are made unique."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        from skl2onnx.common.data_types import DoubleTensorType

        self._scope, self._container = scope, container
        self.dtype = np.dtype(np.float64 if isinstance(operator.inputs[0].type, DoubleTensorType) else np.float32)
        self.opset: int = container.target_opset_any_domain("")

    def type_of(self, dtype: npt.DTypeLike) -> int:
        """Return ONNX's number of a dtype, that of strings for text."""
        from onnx import TensorProto, helper

        kind = np.dtype(dtype)
        return int(TensorProto.STRING if kind.kind == "U" else helper.np_dtype_to_tensor_dtype(kind))

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node whose output gets a name of its own."""
        return self.finish(operator, inputs, self._scope.get_unique_variable_name(output), **attributes)

    def finish(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node whose output is one of the operator's, which have names already."""
        name = self._scope.get_unique_operator_name(operator)
        self._container.add_node(operator, inputs, output, name=name, **attributes)
        return output

    def constant(self, name: str, value: Any, dtype: npt.DTypeLike | None = None) -> str:
        """Add a constant, and return its name."""
        array: Array = np.array(value, dtype or self.dtype)
        unique: str = self._scope.get_unique_variable_name(name)
        content = [text.encode() for text in array] if array.dtype.kind == "U" else array.ravel()
        self._container.add_initializer(unique, self.type_of(array.dtype), array.shape, content)
        return unique


def _classified(operator: Any) -> None:
    """Tell types and shapes of labels and probabilities: of a multilabel classifier, a column for each label."""
    from skl2onnx.common import shape_calculator

    shape_calculator.calculate_linear_classifier_output_shapes(operator)
    n_outputs = operator.raw_operator.n_outputs_
    if n_outputs > 1 and operator.raw_operator.out_activation_ == "logistic":
        operator.outputs[0].type.shape = [operator.inputs[0].get_first_dimension(), n_outputs]


def _regressed(operator: Any) -> None:
    """Tell the type and shape of predictions: as many columns as there are outputs."""
    from skl2onnx.common import shape_calculator

    shape_calculator.calculate_linear_regressor_output_shapes(operator)
    operator.outputs[0].type.shape[1] = operator.raw_operator.n_outputs_


def _logits(graph: _Graph, operator: Any) -> str:
    inputs = graph.add("Cast", [operator.inputs[0].full_name], "inputs_cast", to=graph.type_of(graph.dtype))
    return add_layers(graph, operator.raw_operator.to_model().network, inputs)


def _add_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Convert a regressor."""
    graph = _Graph(scope, operator, container)
    last = "Exp" if operator.raw_operator.out_activation_ == "exp" else "Identity"
    graph.finish(last, [_logits(graph, operator)], operator.outputs[0].full_name)


def _add_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Convert a classifier: its labels and their probabilities."""
    graph, model = _Graph(scope, operator, container), operator.raw_operator
    labels, probabilities = (output.full_name for output in operator.outputs[:2])
    logits, integer = _logits(graph, operator), graph.type_of(np.int64)
    if model.out_activation_ == "softmax":
        graph.finish("Softmax", [logits], probabilities, axis=1)
        index = graph.add("ArgMax", [logits], "index", axis=1, keepdims=0)
        graph.finish("Gather", [_classes(graph, scope, model), index], labels)
        return
    positive = graph.add("Greater", [logits, graph.constant("zero", 0.0)], "positive")
    if model.n_outputs_ > 1:
        graph.finish("Sigmoid", [logits], probabilities)
        graph.finish("Cast", [positive], labels, to=integer)
        return
    shares = [graph.add("Neg", [logits], "negated"), logits]
    both = graph.add("Concat", shares[: len(model.classes_)], "both", axis=1)
    graph.finish("Sigmoid", [both], probabilities)
    index = graph.add("Cast", [positive], "index", to=integer)
    index = graph.add("Reshape", [index, graph.constant("one_dimension", [-1], np.int64)], "indices")
    graph.finish("Gather", [_classes(graph, scope, model), index], labels)


def _classes(graph: _Graph, scope: Any, model: Any) -> str:
    """Add the labels among which the index of a class chooses; of a single class, either index stands for it."""
    classes: Array = model.classes_
    if scope.get_options(model, {"nocl": False})["nocl"]:
        classes = np.arange(len(classes))
    if classes.dtype.kind == "O":
        classes = classes.astype(str)
    if classes.dtype.kind == "f" and not np.array_equal(classes, np.trunc(classes)):
        raise ValueError(f"classes must be integers or text for skl2onnx, got {classes}")
    if classes.dtype.kind != "U":
        classes = classes.astype(np.int64)
    return graph.constant("classes", np.repeat(classes, 2) if len(classes) == 1 else classes, classes.dtype)
