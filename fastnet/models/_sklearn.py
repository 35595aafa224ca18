"""Models from and for scikit-learn: its fitted `MLPClassifier` and `MLPRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.models._folded import Layers, folded_layers
from fastnet.models._model import Model
from fastnet.network import Network
from fastnet.preprocessing import Preprocessing

ACTIVATIONS = {"logistic": "sigmoid", "relu": "relu", "tanh": "tanh", "identity": "identity"}
_LOSSES = {"softmax": "cross_entropy", "logistic": "binary_cross_entropy", "identity": "squared_error"}


def from_sklearn(estimator: Any) -> Model:
    """Make a model of a fitted estimator of scikit-learn, or of a pipeline of a scaler and one.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        Fitted; before the network, a pipeline may have one `StandardScaler` or `MinMaxScaler`.

    Returns
    -------
    Model
        With the same predictions. Two classes, which scikit-learn tells apart by one output, have one each.

    Raises
    ------
    TypeError, ValueError
        For another estimator, or one that was not fitted.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> theirs = MLPRegressor(hidden_layer_sizes=(3,), tol=10.0, random_state=0).fit([[0.0], [1.0]], [0, 1])
    >>> ours = from_sklearn(theirs)
    >>> bool(np.allclose(ours.predict([[0.5]], backend="numpy"), theirs.predict([[0.5]])))
    True
    """
    preprocessing = None
    if hasattr(estimator, "steps"):
        *scalers, (_, estimator) = estimator.steps
        if len(scalers) > 1:
            raise ValueError(f"estimator: a pipeline may have one scaler before the network, got {len(scalers)} steps")
        preprocessing = _preprocessing(scalers[0][1]) if scalers else None
    if not hasattr(estimator, "hidden_layer_sizes"):
        raise TypeError(f"estimator must be an MLPClassifier or MLPRegressor, got {type(estimator).__name__}")
    if not hasattr(estimator, "coefs_"):
        raise ValueError("estimator must be fitted, and was not")
    kind, activation = estimator.out_activation_, estimator.activation
    if kind not in _LOSSES or not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(f"estimator has activations that scikit-learn's have not: {activation}, {kind}")
    layers: Layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    loss, labels, classes = _LOSSES[kind], None, getattr(estimator, "classes_", None)
    if kind == "logistic" and layers[-1][0].shape[1] == 1:
        layers[-1] = tuple(np.concatenate([np.zeros_like(part), part], axis=-1) for part in layers[-1])  # type: ignore[assignment]
        loss = "cross_entropy"
    if classes is not None and loss == "cross_entropy":
        labels = tuple(map(str, classes))
    network = Network(
        [layers[0][0].shape[0], *(W.shape[1] for W, _ in layers)], ACTIVATIONS[activation], dtype=layers[0][0].dtype
    )
    for W, b, (coefs, intercepts) in zip(network.weights, network.biases, layers, strict=True):
        W[...], b[...] = coefs, intercepts
    return Model(network, loss, labels=labels, preprocessing=preprocessing)


def _preprocessing(scaler: Any) -> Preprocessing:
    name = type(scaler).__name__
    if name == "MinMaxScaler":
        return Preprocessing(-scaler.min_ / scaler.scale_, scaler.scale_)
    if name != "StandardScaler":
        raise ValueError(f"estimator: the step before the network must be StandardScaler or MinMaxScaler, got {name}")
    n = scaler.n_features_in_
    shift = scaler.mean_ if scaler.with_mean else np.zeros(n)
    return Preprocessing(shift, 1.0 / scaler.scale_ if scaler.with_std else np.ones(n))


def to_sklearn(model: Model) -> Any:
    """Make a fitted estimator of scikit-learn that predicts as the model does.

    Parameters
    ----------
    model : Model
        With "relu", "sigmoid", "tanh" or "identity" after all hidden layers, and the loss "cross_entropy",
        "binary_cross_entropy" or "squared_error". Scaling and preprocessing are worked into the first layer.

    Returns
    -------
    MLPClassifier or MLPRegressor
        Ready for `predict` and `predict_proba`; classes are the model's labels, or counted from 0.

    Raises
    ------
    ValueError
        For a model that scikit-learn's estimators cannot be.

    Examples
    --------
    >>> theirs = to_sklearn(Model(Network([4, 3, 3], seed=0)))
    >>> theirs.predict_proba([[0.0, 1.0, 2.0, 3.0]]).shape, theirs.classes_
    ((1, 3), array([0, 1, 2]))
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    network, loss = model.network, model.loss
    theirs = {ours: name for name, ours in ACTIVATIONS.items()}
    names = set(network.activations) or {"relu"}
    if len(names) > 1 or not names <= theirs.keys():
        raise ValueError(f"model: scikit-learn has one of {', '.join(theirs)} for all layers, got {sorted(names)}")
    if loss not in _LOSSES.values():
        raise ValueError(f"model: scikit-learn's estimators have no loss {loss}")
    layers, hidden = folded_layers(model), network.sizes[1:-1]
    kind = MLPRegressor if loss == "squared_error" else MLPClassifier
    estimator: Any = kind(hidden_layer_sizes=hidden, activation=theirs[names.pop()])
    n_outputs = network.sizes[-1]
    estimator.out_activation_ = {ours: name for name, ours in _LOSSES.items()}[loss]
    if loss == "cross_entropy" and n_outputs == 2:  # one output tells two classes apart: the difference of two
        layers[-1] = tuple(part[..., 1:] - part[..., :1] for part in layers[-1])  # type: ignore[assignment]
        estimator.out_activation_ = "logistic"
    if kind is MLPClassifier:
        _set_classes(estimator, model, n_outputs)
    estimator.coefs_, estimator.intercepts_ = [W for W, _ in layers], [b for _, b in layers]
    estimator.n_layers_, estimator.n_outputs_ = len(network.sizes), layers[-1][0].shape[1]
    estimator.n_features_in_, estimator.n_iter_, estimator.t_ = network.sizes[0], 0, 0
    estimator.loss_, estimator.best_loss_, estimator.loss_curve_ = float("nan"), None, []
    return estimator


def _set_classes(estimator: Any, model: Model, n_outputs: int) -> None:
    from sklearn.preprocessing import LabelBinarizer

    binarizer = LabelBinarizer()
    classes: npt.NDArray[Any] = np.arange(max(n_outputs, 2))
    if model.loss == "binary_cross_entropy" and n_outputs > 1:
        binarizer.fit(np.array([[0] * n_outputs, [1] * n_outputs]))  # each output is a label of its own
        classes = np.arange(n_outputs)
    else:
        classes = np.array(model.labels) if model.labels else classes
        binarizer.fit(classes)
    estimator.classes_, estimator._label_binarizer = classes, binarizer
