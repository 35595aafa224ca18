"""The classifier of tables."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite

from fastnet.estimators.class_weights import weigh_classes
from fastnet.estimators.tabular.base import BaseTabularMLP, Data
from fastnet.estimators.tabular.calibration import mean_log_probabilities, temperature
from fastnet.estimators.tabular.members import Fitted, Rows

Array = npt.NDArray[Any]


class TabularMLPClassifier(ClassifierMixin, BaseTabularMLP):  # type: ignore[misc]
    """A network that tells classes apart by the columns of a table: RealMLP-TD-S, with its published defaults.

    Tables may hold numbers, text, booleans and categories, with gaps. Columns of categories are one-hot, every column
    is centred, scaled and kept between -3 and 3 (`fastnet.estimators.tabular.encoding.Encoding`); missing numbers take
    the median. The network multiplies each input by a trainable factor. Its layers are x @ W / sqrt(n_in) + b, drawn
    from N(0, 1), the last one from zeros. Adam with betas of 0.9 and 0.95 takes batches without the short last one, at
    a rate that rises and falls four times (`fastnet.training.schedules.coslog4`), times 6 for the inputs' factors and
    0.1 for biases. The weights of the epoch with the least validation error are kept, of several the last.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(256, 256, 256)
        Units of the hidden layers.
    activation : str, default="selu"
        Activation of the hidden layers.
    learning_rate : float, default=0.04
        Peak of the learning rate.
    n_epochs : int, default=256
        Passes over the training data.
    batch_size : int, default=256
        Samples of a step; all of them, if there are fewer.
    label_smoothing : float, default=0.1
        Part of each label that is spread over all classes.
    validation_fraction : float, default=0.2
        Part of the data that is held out to choose the epoch by. With 0, and no data of your own, the last epoch's
        weights are kept.
    validation_metric : {"error", "cross_entropy"}, default="error"
        What the epoch is chosen by: the share of wrong classes, or the cross-entropy, for those who want
        probabilities.
    early_stopping : bool, default=False
        Whether to stop in an epoch later than `patience_factor` times the best one, and `patience` more.
    patience : int, default=20
    patience_factor : float, default=2
        When `early_stopping` stops.
    calibrate : bool, default=False
        Whether to divide logits by a temperature that is fitted to the validation data, which leaves the most probable
        class as it is.
    n_ens : int, default=1
        Networks, whose probabilities are averaged; the epoch is chosen for all of them.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, in training and validation. They do not enter medians and scales.
    categorical_features : array-like of bool, int or str, default=None
        Columns of categories; by default those of text, booleans and categories.
    random_state : int, RandomState instance or None, default=None
        What parameters, batches and the validation data are drawn with.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the network.
    n_threads : int or None, default=None
        Threads at most; results do not depend on it.
    backend : {"numba", "numpy"}, default="numba"
        Compiled kernels, or the reference.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    columns_ : TableColumns
        What the columns of the table are.
    encoding_ : Encoding
        What inputs are made of.
    networks_ : list of ndarray
        The parameters of each network, an ordinary one that takes encoded inputs.
    best_epoch_, n_epochs_ : int
        The epoch whose weights are kept, from 1, and the epochs that were taken.
    loss_curve_ : list of float
        Mean loss of every epoch, with label smoothing.
    validation_curve_ : list of float or None
        Error on the validation data after every epoch.
    temperature_ : float
        What logits are divided by: 1 without `calibrate`.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data",
    NeurIPS 2024. Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TabularMLPClassifier(n_epochs=20, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabularMLP._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "validation_metric": [StrOptions({"error", "cross_entropy"})],
        "calibrate": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        activation: str = "selu",
        learning_rate: float = 0.04,
        n_epochs: int = 256,
        batch_size: int = 256,
        label_smoothing: float = 0.1,
        validation_fraction: float = 0.2,
        validation_metric: str = "error",
        early_stopping: bool = False,
        patience: int = 20,
        patience_factor: float = 2,
        calibrate: bool = False,
        n_ens: int = 1,
        class_weight: Mapping[Any, float] | str | None = None,
        categorical_features: Any = None,
        random_state: Any = None,
        dtype: str = "float32",
        n_threads: int | None = None,
        backend: str = "numba",
    ) -> None:
        self._store(locals())

    def predict(self, X: Any) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or data frame
            A table with the columns of that which the model was fitted to.

        Returns
        -------
        ndarray of shape (n_samples,)
            The most probable class of each sample.
        """
        logs = self.predict_log_proba(X)
        return np.asarray(self.classes_[logs.argmax(axis=1)])

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, in the order of `classes_`: ndarray of shape (n_samples, n_classes)."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities: ndarray of shape (n_samples, n_classes)."""
        return mean_log_probabilities(self._outputs_to_predict(X), self.temperature_)

    def _learn(self, y: Any) -> Array:
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        return np.asarray(labels, np.int32)

    def _encoded(self, y: Any, name: str) -> Array:
        y = column_or_1d(y, warn=True)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"{name} must hold classes of y, got {unknown[:5].tolist()} beside them")
        return np.asarray(np.searchsorted(self.classes_, y), np.int32)

    def _class_weighted(self, y: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        return weigh_classes(self.class_weight, self.classes_, y, weights)

    def _targets(self, data: Data) -> Array:
        return data.y

    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _loss(self) -> Any:
        return ("cross_entropy", float(self.label_smoothing))

    def _error(self, networks: list[Array], rows: Rows) -> float:
        logs = mean_log_probabilities(self._outputs(networks, rows.x))
        if self.validation_metric == "error":
            return float(np.average(logs.argmax(axis=1) != rows.y, weights=rows.weights))
        return float(np.average(-logs[np.arange(len(logs)), rows.y], weights=rows.weights))

    def _keep(self, fitted: Fitted, validation: Rows | None) -> None:
        if self.calibrate and validation is None:
            raise ValueError("calibrate=True needs validation data: a validation_fraction above 0, or X_val and y_val")
        super()._keep(fitted, validation)
        self.temperature_ = 1.0
        if self.calibrate and validation is not None:
            outputs = self._outputs(self.networks_, validation.x)
            self.temperature_ = temperature(outputs, validation.y, validation.weights)
