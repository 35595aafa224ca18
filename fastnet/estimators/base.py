"""What the classifier and the regressor share: parameters, a fit from end to end, and the way from X to logits."""

from __future__ import annotations

from collections.abc import Mapping
from operator import is_
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from fastnet.estimators import constraints
from fastnet.estimators.fitting import lbfgs
from fastnet.estimators.fitting.held_out import HeldOut, check_scorer, split
from fastnet.estimators.fitting.stochastic import Solver, descend
from fastnet.estimators.fitting.tasks import CallbackSupportMixin, with_callbacks
from fastnet.estimators.inference import forward
from fastnet.estimators.parameters import gather, glorot, sizes_of, views
from fastnet.estimators.validation import SPARSE, inputs, inputs_to_predict, weights_of
from fastnet.inference import backend_module
from fastnet.output import notices
from fastnet.reference.training import layer_slices
from fastnet.training.samples import Samples

Array = npt.NDArray[Any]


class BaseMLP(
    CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator,  # type: ignore[misc]
):  # fmt: skip
    """A network behind scikit-learn's interface. Classes derived from it say what its outputs mean."""

    __metadata_request__transform: ClassVar[dict[str, str]] = {"layer": UNUSED}  # nothing to route

    def _store(self, settings: dict[str, Any]) -> None:
        """Keep the constructor's arguments as they came."""
        for name, value in settings.items():
            if name != "self":
                setattr(self, name, value)

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:  # fmt: skip
        """Fit the model to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs. A sparse matrix is trained on as it is, beside which a bit for each input and a copy of its values
            are kept. If the bits took more than 1 GiB, and by "lbfgs" and to predict, it is made dense some batches at
            a time, never as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or an indicator matrix of labels, for the classifier; numbers for the regressor.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative. Batches without any weight are passed over.
        X_val, y_val : as X and y, default=None
            Data of your own to validate with after each epoch, which gives `validation_loss_curve_` and
            `validation_scores_`. With `early_stopping`, nothing is then split off X. Not for `solver="lbfgs"`.
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
        return self._fit(X, y, sample_weight, incremental=False, validation=(X_val, y_val, sample_weight_val))

    def transform(self, X: Any, layer: int = -1) -> Array:
        """Activations of a hidden layer: what the network has made of the inputs before it answers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        layer : int, default=-1
            Index of the hidden layer, from 0, or from the last one backwards with negative numbers.

        Returns
        -------
        ndarray of shape (n_samples, hidden_layer_sizes[layer])
            The activations, without dropout.
        """
        self._require_fitted()
        n_hidden = self.n_layers_ - 2
        if not -n_hidden <= layer < n_hidden:
            raise ValueError(f"layer must be the index of one of {n_hidden} hidden layers, got {layer}")
        return self._logits(inputs_to_predict(self, X), layer % n_hidden)

    @property
    def _n_features_out(self) -> int:
        return int(self.intercepts_[-2].size) if self.n_layers_ > 2 else 0

    def to_model(self, metrics: Mapping[str, float] | None = None) -> Any:
        """Return a copy of the network as a `fastnet.Model`, to save, or to predict with `fastnet.Predictor`.

        Parameters
        ----------
        metrics : mapping of str to float, optional
            Metrics to keep with it.

        Returns
        -------
        Model
            Predicts what the estimator does: it has the loss, `classes_`, and the names of features.
        """
        from fastnet.models import Model
        from fastnet.network import Network

        self._require_fitted()
        parameters = self._flat()
        network = Network(self._sizes(), self._activations(), dtype=parameters.dtype)
        network.parameters[...] = parameters
        return Model(network, metrics=dict(metrics or {}), **self._meaning())

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool, validation: tuple[Any, Any, Any]) -> Any:
        hidden = constraints.hidden_sizes(self.hidden_layer_sizes)
        self._check_combination(incremental, validation)
        fresh = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, targets, weights = self._encode(X, y, sample_weight, fresh, incremental)
        self._random_state = check_random_state(self.random_state)
        self.n_outputs_ = self._count_outputs(targets)
        if fresh:
            self._initialize((X.shape[1], *hidden, self.n_outputs_), X.dtype)
        else:
            self._own_parameters()
        samples = self._prepared(X, targets, weights)
        with notices.verbose(bool(self.verbose)):
            if self.solver == "lbfgs":
                lbfgs.minimize(self, samples)
            else:
                self._descend(samples, validation, incremental)
        if not np.isfinite(self._parameters).all():
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )
        return self

    def _check_combination(self, incremental: bool, validation: tuple[Any, Any, Any]) -> None:
        """Reject what does not go together, before anything is changed."""
        n_hidden = len(constraints.hidden_sizes(self.hidden_layer_sizes))
        constraints.hidden_activations(self.activation, n_hidden)
        dropout = constraints.dropout(self.dropout, n_hidden)
        X_val, y_val, weights_val = validation
        if (X_val is None) != (y_val is None) or (X_val is None and weights_val is not None):
            raise ValueError("X_val and y_val must be given together, and sample_weight_val only with them")
        check_scorer(self)
        if self.solver == "lbfgs" and (X_val is not None or np.any(dropout)):
            raise ValueError("solver='lbfgs' takes neither X_val nor dropout, which belong to epochs")
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")

    def _initialize(self, sizes: tuple[int, ...], dtype: Any) -> None:
        """Draw parameters and forget earlier fits."""
        activations = constraints.hidden_activations(self.activation, len(sizes) - 2)
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._out_activation()
        self._set_parameters(glorot(self._random_state, sizes, activations, dtype), sizes)
        for name in ("loss_curve_", "_optimizer"):
            if hasattr(self, name):
                delattr(self, name)

    def _descend(self, samples: Samples, validation: tuple[Any, Any, Any], incremental: bool) -> None:
        rows, held_out = np.arange(len(samples.y)), None
        if not hasattr(self, "loss_curve_"):
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_: list[float] | None = None
            self.validation_loss_curve_: list[float] | None = None
            self.best_validation_score_: float | None = None
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = Solver.of(self)
        if validation[0] is not None:
            held_out = self._own_validation(*validation)
        elif self.early_stopping:
            rows, others = split(self, samples, self._random_state)
            chosen = samples.take(others)
            held_out = HeldOut(self, chosen, self._labels(chosen.y))
        if held_out is not None and self.validation_scores_ is None:
            self.validation_scores_, self.validation_loss_curve_ = [], []
            self.best_validation_score_ = -np.inf
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf
        descend(self, samples, rows, held_out, incremental)

    def _own_validation(self, X_val: Any, y_val: Any, sample_weight_val: Any) -> HeldOut:
        X = validate_data(self, X_val, accept_sparse=SPARSE, reset=False)
        targets = self._targets_of(y_val, "y_val")
        if len(targets) != X.shape[0]:
            raise ValueError(f"X_val and y_val must have as many samples, got {X.shape[0]} and {len(targets)}")
        samples = self._prepared(X, targets, weights_of(sample_weight_val, X.shape[0], "sample_weight_val"))
        return HeldOut(self, samples, self._labels(samples.y))

    def _prepared(self, X: Any, targets: Array, weights: Any) -> Samples:
        """Bring inputs and targets to the parameters' dtype; labels are integers and stay so."""
        dtype = self._parameters.dtype
        y = targets if targets.dtype.kind == "i" else np.ascontiguousarray(targets, dtype=dtype)
        return Samples(inputs(X, dtype), y, weights)

    def _require_fitted(self) -> None:
        if "coefs_" not in self.__dict__:  # scikit-learn's own search takes as long as a small network
            check_is_fitted(self)

    def _input_dtype(self) -> Any:
        return (np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype)

    def _set_parameters(self, parameters: Array, sizes: tuple[int, ...]) -> None:
        self._parameters = parameters
        self.coefs_, self.intercepts_ = views(parameters, sizes)
        self._views = (*self.coefs_, *self.intercepts_)

    def _own_parameters(self) -> None:
        """Take over layers that were put in place of the vector's, and leave read-only memory."""
        parameters = self._flat()
        if parameters is not self._parameters or not parameters.flags.writeable:
            self._set_parameters(np.array(parameters), self._sizes())

    def _flat(self) -> Array:
        parameters: Array = self._parameters
        if self._has_own_layers():
            return parameters
        return gather(self.coefs_, self.intercepts_, parameters.dtype)

    def _has_own_layers(self) -> bool:
        """Tell whether the layers are still views of the vector, or somebody has put others in their place."""
        layers = (*self.coefs_, *self.intercepts_)
        return len(layers) == len(self._views) and all(map(is_, layers, self._views))

    def _sizes(self) -> tuple[int, ...]:
        return sizes_of(self.coefs_, self.intercepts_)

    def _activations(self) -> tuple[str, ...]:
        return constraints.hidden_activations(self.activation, len(self.coefs_) - 1)

    def _dropout(self) -> float | tuple[float, ...]:
        return constraints.dropout(self.dropout, len(self.coefs_) - 1)

    def _backend(self) -> ModuleType:
        return backend_module(self.backend)

    def _logits(self, X: Any, layer: int | None = None) -> Array:
        """Run checked inputs through all layers, or through the hidden ones up to an index."""
        parameters, sizes, activations = self._flat(), self._sizes(), self._activations()
        last = None
        if layer is not None:
            sizes, last, activations = sizes[: layer + 2], activations[layer], activations[:layer]
            parameters = parameters[: layer_slices(sizes)[-1][1].stop]
        logits = forward(self, X, parameters, sizes, activations)
        if last is not None:
            getattr(self._backend(), f"{last}_forward")(logits, out=logits)
        return logits

    def __getstate__(self) -> dict[str, Any]:
        """Leave out `coefs_` and `intercepts_` where they are views: the vector is stored once."""
        state = dict(super().__getstate__())
        if state.pop("_views", None) is not None and self._has_own_layers():
            state["_stored_sizes"] = self._sizes()
            del state["coefs_"], state["intercepts_"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        sizes = state.pop("_stored_sizes", None)
        super().__setstate__(state)
        if sizes is not None:
            self._set_parameters(self._parameters, sizes)
        elif "coefs_" in state:
            self._views = ()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"] if self.dtype is None else [self.dtype]
        return tags


def is_stochastic(model: Any) -> bool:
    """Tell whether an estimator has `partial_fit`; scikit-learn's message for the one solver that has it not."""
    if model.solver not in constraints.STOCHASTIC_SOLVERS:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {model.solver} is not stochastic."
        )
    return True
