"""Models from and for scikit-learn: its fitted `MLPClassifier` and `MLPRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.models.folded import Layers, folded_layers
from fastnet.models.labels import labels_of
from fastnet.models.model import Model
from fastnet.network import Network
from fastnet.preprocessing import Preprocessing
from fastnet.validation.activations import SKLEARN
from fastnet.validation.training import LABELLED

_LOSSES = {
    "softmax": "cross_entropy", "logistic": "binary_cross_entropy", "identity": "squared_error", "exp": "poisson",
}  # fmt: skip
"""Activations of scikit-learn's last layers, and our losses with the same predictions."""

_CLASSIFYING = ("cross_entropy", "binary_cross_entropy")


def from_sklearn(estimator: Any) -> Model:
    """Make a model of a fitted estimator of scikit-learn, or of a pipeline of a scaler and one.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        Fitted; before the network, a pipeline may have one `StandardScaler` or `MinMaxScaler`.

    Returns
    -------
    Model
        With the same predictions: classes other than 0, 1, ... by their names, text or numbers. Two classes, which
        scikit-learn tells apart by one output, have one each. Names of features are kept.

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
    preprocessing, feature_names = None, feature_names_of(estimator)
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
    if kind not in _LOSSES or not isinstance(activation, str) or activation not in SKLEARN:
        raise ValueError(f"estimator has activations that scikit-learn's have not: {activation}, {kind}")
    layers: Layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    loss, classes = _LOSSES[kind], getattr(estimator, "classes_", None)
    if classes is not None and len(classes) < 2:
        raise ValueError(f"estimator must tell classes apart, and was fitted to {classes} alone")
    if kind == "logistic" and layers[-1][0].shape[1] == 1:
        layers[-1] = tuple(np.concatenate([np.zeros_like(part), part], axis=-1) for part in layers[-1])  # type: ignore[assignment]
        loss = "cross_entropy"
    labels = None if classes is None or loss != "cross_entropy" else labels_of(classes)
    network = Network(
        [layers[0][0].shape[0], *(W.shape[1] for W, _ in layers)], SKLEARN[activation], dtype=layers[0][0].dtype
    )
    for W, b, (coefs, intercepts) in zip(network.weights, network.biases, layers, strict=True):
        W[...], b[...] = coefs, intercepts
    return Model(network, loss, labels=labels, preprocessing=preprocessing, feature_names=feature_names)


def feature_names_of(estimator: Any) -> tuple[str, ...] | None:
    """Return the names of the features that an estimator was fitted to; None if it saw none, or the same one twice."""
    names = tuple(getattr(estimator, "feature_names_in_", ()))
    return names if names and len(set(names)) == len(names) else None


def _preprocessing(scaler: Any) -> Preprocessing:
    name = type(scaler).__name__
    if name == "MinMaxScaler":
        if scaler.clip:
            raise ValueError("estimator: MinMaxScaler must have clip=False: what is beyond its range is not cut off")
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
        "softmax_squared_error" (which further training would replace by it), "binary_cross_entropy", "squared_error"
        or "poisson" (scikit-learn 1.7). Scaling and preprocessing are worked into the first layer.

    Returns
    -------
    MLPClassifier or MLPRegressor
        Ready for `predict`, `predict_proba` and `partial_fit`; classes are the model's labels in their order, or
        counted from 0, and features are called as the model's.

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
    # by the name that patch_sklearn leaves alone
    from sklearn.neural_network._multilayer_perceptron import MLPClassifier, MLPRegressor

    network, loss = model.network, "cross_entropy" if model.loss in LABELLED else model.loss
    _check_exportable(model)
    layers, hidden, n_outputs = folded_layers(model), network.sizes[1:-1], network.sizes[-1]
    theirs = {ours: name for name, ours in SKLEARN.items()}
    kind = MLPClassifier if loss in _CLASSIFYING else MLPRegressor
    estimator: Any = kind(hidden_layer_sizes=hidden, activation=theirs[(*network.activations, "relu")[0]])
    if loss == "poisson":
        estimator.set_params(loss="poisson")
    estimator.out_activation_ = {ours: name for name, ours in _LOSSES.items()}[loss]
    if loss == "cross_entropy" and n_outputs == 2:  # one output tells two classes apart: the difference of two
        layers[-1] = tuple(part[..., 1:] - part[..., :1] for part in layers[-1])  # type: ignore[assignment]
        estimator.out_activation_ = "logistic"
    if kind is MLPClassifier:
        _set_classes(estimator, model, n_outputs)
    estimator.coefs_, estimator.intercepts_ = [W for W, _ in layers], [b for _, b in layers]
    estimator.n_layers_, estimator.n_outputs_ = len(network.sizes), layers[-1][0].shape[1]
    estimator.n_features_in_, estimator.n_iter_, estimator.t_ = network.sizes[0], 0, 0
    if model.feature_names is not None:
        estimator.feature_names_in_ = np.array(model.feature_names, object)
    estimator.loss_, estimator.best_loss_, estimator.loss_curve_ = float("nan"), float("inf"), []
    estimator._no_improvement_count, estimator.validation_scores_ = 0, None
    return estimator


def _check_exportable(model: Model) -> None:
    names, known = set(model.network.activations), tuple(SKLEARN.values())
    if len(names) > 1 or not names <= set(known):
        raise ValueError(f"model: scikit-learn has one of {', '.join(known)} for all layers, got {sorted(names)}")
    if model.loss not in (*LABELLED, *_LOSSES.values()):
        raise ValueError(f"model: scikit-learn's estimators have no loss {model.loss}")
    if model.loss in LABELLED and model.network.sizes[-1] < 2:
        raise ValueError("model: scikit-learn tells two classes apart or more, got one output")
    if model.labels and len(set(model.labels)) < len(model.labels):
        raise ValueError(f"model: scikit-learn needs classes of different names, got {model.labels}")


def _set_classes(estimator: Any, model: Model, n_outputs: int) -> None:
    from sklearn.preprocessing import LabelBinarizer

    binarizer = LabelBinarizer()
    classes: npt.NDArray[Any] = np.arange(max(n_outputs, 2))
    if model.loss == "binary_cross_entropy" and n_outputs > 1:
        binarizer.fit(np.array([[0] * n_outputs, [1] * n_outputs]))  # each output is a label of its own
    else:
        if model.labels:
            classes = np.array(model.labels)
        binarizer.fit(classes)
        binarizer.classes_ = classes  # in the order of the outputs: fitting sorts them
    estimator.classes_, estimator._label_binarizer = classes, binarizer
