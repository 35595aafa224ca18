"""What the classifier and the regressor of tables share: a fit from end to end, and the way from a table to outputs."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastnet.estimators import constraints
from fastnet.estimators.tabular.encoding import Encoding
from fastnet.estimators.tabular.inputs import columns_of, read
from fastnet.estimators.tabular.members import Fitted, Member, Patience, Rows, train
from fastnet.estimators.tabular.recipe import Recipe
from fastnet.estimators.validation import weights_of
from fastnet.inference import backend_module
from fastnet.validation.inputs import require_finite_outputs, require_weights_within

Array = npt.NDArray[Any]


class Data:
    """A table that was read, with labels or targets, and weights if there are any."""

    def __init__(self, numbers: Array, codes: Array, y: Array, weights: Array | None) -> None:
        self.numbers, self.codes, self.y, self.weights = numbers, codes, y, weights

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Array) -> Data:
        """Return some rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Data(self.numbers[rows], self.codes[rows], self.y[rows], weights)


class BaseTabularMLP(BaseEstimator):  # type: ignore[misc]
    """A network behind a table. Classes derived from it say what its outputs mean."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(constraints.ACTIVATIONS))],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 0, None, closed="left")],
        "patience_factor": [Interval(Real, 1, None, closed="left")],
        "n_ens": [Interval(Integral, 1, None, closed="left")],
        "categorical_features": ["array-like", None],
        "random_state": ["random_state"],
        "dtype": [StrOptions({"float32", "float64"})],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "backend": [StrOptions({"numba", "numpy"})],
    }

    def _store(self, settings: dict[str, Any]) -> None:
        """Keep the constructor's arguments as they came."""
        for name, value in settings.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:  # fmt: skip
        """Fit the model to a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or data frame
            Numbers, text, booleans and categories, with gaps.
        y : array-like of shape (n_samples,); for the regressor also (n_samples, n_outputs)
            Class labels, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative; those of weight 0 are left out. Whole weights count as so many rows
            for medians and scales too, others do not enter them.
        X_val, y_val : as X and y, default=None
            Data of your own to choose the epoch by, in place of a part of X.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the samples of `X_val`.

        Returns
        -------
        object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            For data or parameters that cannot be used, or when the weights become infinite or NaN.
        """
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        if (X_val is None) != (y_val is None) or (X_val is None and sample_weight_val is not None):
            raise ValueError("X_val and y_val must be given together, and sample_weight_val only with them")
        hidden = constraints.hidden_sizes(self.hidden_layer_sizes)
        if not hidden:
            raise ValueError("hidden_layer_sizes must hold one size or more, got none")
        self.columns_ = columns_of(self, X)
        data = self._data(X, self._learn(y), sample_weight)
        held_out = (
            None if X_val is None else self._data(X_val, self._encoded(y_val, "y_val"), sample_weight_val, "_val")
        )
        self._fit_data(data, held_out, hidden, check_random_state(self.random_state))
        return self

    def _fit_data(self, data: Data, held_out: Data | None, hidden: tuple[int, ...], rng: Any) -> None:
        seeds = rng.randint(np.iinfo(np.int32).max, size=self.n_ens)
        if held_out is None and self.validation_fraction > 0:
            order, n_train = rng.permutation(len(data)), math.ceil((1 - self.validation_fraction) * len(data))
            if n_train < len(data):
                data, held_out = data.take(order[:n_train]), data.take(order[n_train:])
        self._begin(data)
        self.encoding_ = Encoding.learn(self.columns_, data.numbers, data.codes, data.weights)
        rows = self._rows(data)
        self._sizes = (self.encoding_.n_inputs, *hidden, self._n_outputs())
        recipe = Recipe(
            self._sizes, constraints.ACTIVATIONS[self.activation], self._loss(), float(self.learning_rate),
            int(self.n_epochs), min(int(self.batch_size), len(data)), self._epsilon_factor(),
        )  # fmt: skip
        self._activations = recipe.activations
        backend = backend_module(self.backend)
        members = [Member(recipe, rows, backend, self.n_threads, int(seed)) for seed in seeds]
        validation = None if held_out is None else self._rows(held_out)
        patience = Patience(float(self.patience_factor), int(self.patience)) if self.early_stopping else None
        fitted = train(members, recipe, validation and (lambda now: self._error(now, validation)), patience)
        self._keep(fitted, validation)

    def _begin(self, data: Data) -> None:
        """Learn what has to be known of the training data's targets."""

    def _epsilon_factor(self) -> float:
        """Return how much larger the loss's gradient is than that of the loss that the method's eps is meant for."""
        return 1.0

    def _class_weighted(self, y: Array, weights: Array | None) -> Array | None:
        """Return weights of samples, times those of their classes if there are any."""
        return weights

    def _keep(self, fitted: Fitted, validation: Rows | None) -> None:
        if not all(np.isfinite(network).all() for network in fitted.networks):
            raise ValueError("the fit produced weights that are infinite or NaN: a lower learning_rate may help")
        self.networks_, self.best_epoch_ = fitted.networks, fitted.best_epoch
        self.n_epochs_, self.loss_curve_ = len(fitted.losses), fitted.losses
        self.validation_curve_ = fitted.errors if validation is not None else None

    def _data(self, X: Any, y: Array, sample_weight: Any, suffix: str = "") -> Data:
        """Read a table, and leave out rows without weight."""
        numbers, codes = read(self, X, f"X{suffix}")
        if len(numbers) != len(y):
            raise ValueError(
                f"X{suffix} and y{suffix} must have as many samples, got inconsistent numbers of samples: "
                f"{len(numbers)} and {len(y)}"
            )
        weights = self._class_weighted(y, weights_of(sample_weight, len(y), f"sample_weight{suffix}"))
        data = Data(numbers, codes, y, weights)
        if weights is None:
            return data
        require_weights_within(f"sample_weight{suffix}", weights, np.dtype(self.dtype))
        return data if weights.all() else data.take(np.flatnonzero(weights))

    def _rows(self, data: Data) -> Rows:
        dtype = np.dtype(self.dtype)
        return Rows(self.encoding_.encode(data.numbers, data.codes, dtype), self._targets(data), data.weights)

    def _outputs(self, networks: list[Array], x: Array) -> Array:
        """Return the outputs of every network (n_networks, n_samples, n_outputs)."""
        backend = backend_module(self.backend)
        outputs = [
            backend.predict_logits(network, x, self._sizes, self._activations, n_threads=self.n_threads)
            for network in networks
        ]
        return np.stack(outputs)

    def _outputs_to_predict(self, X: Any) -> Array:
        check_is_fitted(self, "networks_")
        numbers, codes = read(self, X)
        x = self.encoding_.encode(numbers, codes, np.dtype(self.dtype))
        return require_finite_outputs(self._outputs(self.networks_, x))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = True
        return tags
