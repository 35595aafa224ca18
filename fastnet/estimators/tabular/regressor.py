"""The regressor of tables."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import d2_pinball_score
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions

from fastnet.estimators.tabular.base import BaseTabularMLP, Data
from fastnet.estimators.tabular.members import Rows
from fastnet.validation.levels import quantile_levels

Array = npt.NDArray[Any]


class TabularMLPRegressor(MultiOutputMixin, RegressorMixin, BaseTabularMLP):  # type: ignore[misc]
    """A network that predicts numbers from the columns of a table: RealMLP-TD-S, with its published defaults.

    Tables, layers and training are those of `TabularMLPClassifier`. Targets are standardised, and the loss is the
    squared error of what they are then; the epoch is chosen by the root of the mean squared error. With
    `loss="quantile"` one network predicts several quantiles, which do not cross: they are put in ascending order.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(256, 256, 256)
        Units of the hidden layers.
    loss : {"squared_error", "quantile"}, default="squared_error"
        What is predicted, means or quantiles.
    quantiles : float or array-like of float, default=(0.05, 0.5, 0.95)
        Levels of the quantiles, between 0 and 1 and ascending; for `loss="quantile"`, and a single number for each
        sample.
    activation : str, default="mish"
        Activation of the hidden layers.
    learning_rate : float, default=0.07
        Peak of the learning rate.
    n_epochs : int, default=256
        Passes over the training data.
    batch_size : int, default=256
        Samples of a step; all of them, if there are fewer.
    validation_fraction : float, default=0.2
        Part of the data that is held out to choose the epoch by. With 0, and no data of your own, the last epoch's
        weights are kept.
    early_stopping : bool, default=False
        Whether to stop in an epoch later than `patience_factor` times the best one, and `patience` more.
    patience : int, default=20
    patience_factor : float, default=2
        When `early_stopping` stops.
    n_ens : int, default=1
        Networks, whose predictions are averaged; the epoch is chosen for all of them.
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
    n_outputs_ : int
        Numbers that are predicted for a sample.
    columns_ : TableColumns
        What the columns of the table are.
    encoding_ : Encoding
        What inputs are made of.
    networks_ : list of ndarray
        The parameters of each network, an ordinary one from encoded inputs to standardised targets.
    target_means_, target_scales_ : ndarray of shape (n_outputs,)
        What targets are standardised by.
    best_epoch_, n_epochs_ : int
        The epoch whose weights are kept, from 1, and the epochs that were taken.
    loss_curve_ : list of float
        Mean loss of every epoch.
    validation_curve_ : list of float or None
        Error on the validation data after every epoch.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data",
    NeurIPS 2024. Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TabularMLPRegressor(n_epochs=20, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.4)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabularMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "quantile"})],
        "quantiles": ["array-like", Interval(Real, 0, 1, closed="neither")],
    }
    n_outputs_: int

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        loss: str = "squared_error",
        quantiles: Any = (0.05, 0.5, 0.95),
        activation: str = "mish",
        learning_rate: float = 0.07,
        n_epochs: int = 256,
        batch_size: int = 256,
        validation_fraction: float = 0.2,
        early_stopping: bool = False,
        patience: int = 20,
        patience_factor: float = 2,
        n_ens: int = 1,
        categorical_features: Any = None,
        random_state: Any = None,
        dtype: str = "float32",
        n_threads: int | None = None,
        backend: str = "numba",
    ) -> None:
        self._store(locals())

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or data frame
            A table with the columns of that which the model was fitted to.
        return_std : bool, default=False
            Whether to return how far the networks of an ensemble differ, too; for `n_ens` of 2 or more.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_outputs) or (n_samples, n_quantiles)
            The mean of the networks' predictions; with `return_std` a tuple of it and of their standard deviation.
        """
        outputs = self._in_order(self._outputs_to_predict(X)) * self.target_scales_ + self.target_means_
        if return_std and len(outputs) < 2:
            raise ValueError("return_std=True needs an ensemble: fit with n_ens of 2 or more")
        mean = self._shaped(outputs.mean(axis=0))
        return (mean, self._shaped(outputs.std(axis=0, ddof=1))) if return_std else mean

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predictions; for quantiles the share of the pinball loss that they explain, its mean over levels.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
            1 at best.
        """
        if self.loss != "quantile":
            return float(super().score(X, y, sample_weight))
        predictions = self.predict(X).reshape(len(y), -1)
        scores = [
            d2_pinball_score(y, column, sample_weight=sample_weight, alpha=level)
            for level, column in zip(self._levels, predictions.T, strict=True)
        ]
        return float(np.mean(scores))

    def _in_order(self, outputs: Array) -> Array:
        """Return outputs in which no quantile is above one of a higher level."""
        return np.sort(outputs, axis=-1) if self.loss == "quantile" else outputs

    def _shaped(self, values: Array) -> Array:
        return values if self._is_two_dimensional or values.shape[1] > 1 else values[:, 0]

    def _learn(self, y: Any) -> Array:
        self._is_two_dimensional = np.asarray(y).ndim == 2 and np.asarray(y).shape[1] != 1
        if not self._is_two_dimensional:
            y = column_or_1d(y, warn=True)
        values = self._checked(y, "y")
        self.n_outputs_ = values.shape[1]
        if self.loss == "quantile":
            self._levels = quantile_levels(tuple(np.atleast_1d(self.quantiles).tolist()))
            if list(self._levels) != sorted(set(self._levels)):
                raise ValueError(f"quantiles must be ascending, got {self.quantiles}")
            if self.n_outputs_ > 1:
                raise ValueError(f"y must hold one number for each sample for loss='quantile', got {self.n_outputs_}")
        return values

    def _checked(self, y: Any, name: str) -> Array:
        values: Array = check_array(y, ensure_2d=False, dtype=np.float64, input_name=name, estimator=self)
        return values.reshape(len(values), -1)

    def _encoded(self, y: Any, name: str) -> Array:
        values = self._checked(y, name)
        if values.shape[1] != self.n_outputs_:
            raise ValueError(f"{name} must have {self.n_outputs_} outputs, as y has, got {values.shape[1]}")
        return values

    def _begin(self, data: Data) -> None:
        self.target_means_ = np.average(data.y, axis=0, weights=data.weights)
        deviations = np.sqrt(np.average(np.square(data.y - self.target_means_), axis=0, weights=data.weights))
        self.target_scales_ = np.where(deviations > 0, deviations, 1.0)

    def _epsilon_factor(self) -> float:
        if self.loss == "quantile":  # the method's losses are means over outputs
            return len(self._levels)
        return self.n_outputs_ / 2  # and its squared error is without the factor of a half

    def _targets(self, data: Data) -> Array:
        targets = np.asarray((data.y - self.target_means_) / self.target_scales_, np.dtype(self.dtype))
        return np.repeat(targets, len(self._levels), axis=1) if self.loss == "quantile" else targets

    def _n_outputs(self) -> int:
        return len(self._levels) if self.loss == "quantile" else self.n_outputs_

    def _loss(self) -> Any:
        return ("quantile", self._levels) if self.loss == "quantile" else "squared_error"

    def _error(self, networks: list[Array], rows: Rows) -> float:
        outputs = self._in_order(self._outputs(networks, rows.x)).mean(axis=0)
        if self.loss == "quantile":
            residuals = outputs - rows.y
            losses = np.maximum(-np.array(self._levels) * residuals, (1 - np.array(self._levels)) * residuals)
            return float(np.average(losses.mean(axis=1), weights=rows.weights))
        squares = np.square(outputs - rows.y).mean(axis=1)
        return float(np.sqrt(np.average(squares, weights=rows.weights)))
