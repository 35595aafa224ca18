"""What the classifier and the regressor share: parameters, a fit from end to end, and the way from X to logits."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from fastnet.estimators import constraints
from fastnet.estimators.fitting import held_out, lbfgs
from fastnet.estimators.fitting.stochastic import Solver, descend, records
from fastnet.estimators.fitting.tasks import CallbackSupportMixin, with_callbacks
from fastnet.estimators.inference import forward
from fastnet.estimators.parameters import Parameters, glorot
from fastnet.estimators.validation import checked, inputs_to_predict, samples_of, weights_of
from fastnet.inference import backend_module
from fastnet.output import notices
from fastnet.reference.training import layer_slices
from fastnet.training.samples import Samples
from fastnet.validation.inputs import require_finite_outputs

Array = npt.NDArray[Any]


class BaseMLP(
    CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, Parameters, BaseEstimator,  # type: ignore[misc]
):  # fmt: skip
    """A network behind scikit-learn's interface. Classes derived from it say what its outputs mean."""

    best_loss_: float | None
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None

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
        n_hidden = len(self.coefs_) - 1
        if not -n_hidden <= layer < n_hidden:
            raise ValueError(f"layer must be the index of one of {n_hidden} hidden layers, got {layer}")
        return self._logits_to_predict(X, layer % n_hidden)

    @property
    def _n_features_out(self) -> int:
        return int(np.size(self.intercepts_[-2])) if len(self.intercepts_) > 1 else 0

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
        if self._output() != self._out_activation():
            raise ValueError(f"out_activation_ must be {self._out_activation()!r} in a Model, got {self._output()!r}")
        network = Network(self._sizes(), self._activations(), dtype=parameters.dtype)
        network.parameters[...] = parameters
        return Model(network, metrics=dict(metrics or {}), **self._meaning())

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool, validation: tuple[Any, Any, Any]) -> Any:
        hidden = constraints.hidden_sizes(self.hidden_layer_sizes)
        fresh = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        if not fresh:
            self._own_parameters()
        self._check_combination(incremental, validation, len(hidden) if fresh else len(self.coefs_) - 1)
        X, targets, weights = self._encode(X, y, sample_weight, fresh, incremental)
        self._random_state = check_random_state(self.random_state)
        n_outputs = self._count_outputs(targets)
        if fresh:
            self._initialize((X.shape[1], *hidden, n_outputs), X.dtype)
        else:
            self._go_on(X.shape[1], n_outputs)
        samples = samples_of(X, targets, weights, self._parameters.dtype)
        with notices.verbose(bool(self.verbose)):
            if self.solver == "lbfgs":
                lbfgs.minimize(self, samples)
            else:
                self._descend(samples, validation, incremental)
        self._check_outcome()
        return self

    def _check_outcome(self) -> None:
        """Reject a fit that went beyond the range of the dtype."""
        cause = "The input data may contain large values and need to be preprocessed."
        if not np.isfinite(self._parameters).all():
            raise ValueError(f"Solver produced non-finite parameter weights. {cause}")
        loss = vars(self).get("loss_", 0.0)  # there is none where a callback allowed no step
        if not (self.early_stopping or np.isfinite(loss)):  # the former may have gone back to better weights
            raise ValueError(f"Solver ended at a loss that is infinite or NaN. {cause}")

    def _check_combination(self, incremental: bool, validation: tuple[Any, Any, Any], n_hidden: int) -> None:
        """Reject what does not go together, before anything is changed."""
        constraints.hidden_activations(self.activation, n_hidden)
        dropout = constraints.dropout(self.dropout, n_hidden)
        X_val, y_val, weights_val = validation
        if (X_val is None) != (y_val is None) or (X_val is None and weights_val is not None):
            raise ValueError("X_val and y_val must be given together, and sample_weight_val only with them")
        held_out.check_scorer(self)
        if self.solver == "lbfgs" and (X_val is not None or np.any(dropout)):
            raise ValueError("solver='lbfgs' takes neither X_val nor dropout, which belong to epochs")
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")

    def _initialize(self, sizes: tuple[int, ...], dtype: Any) -> None:
        """Draw parameters and forget earlier fits."""
        activations = constraints.hidden_activations(self.activation, len(sizes) - 2)
        self.n_iter_ = self.t_ = 0
        self._set_parameters(glorot(self._random_state, sizes, activations, dtype), sizes)
        self.n_layers_, self.n_outputs_, self.out_activation_ = len(sizes), sizes[-1], self._out_activation()
        for name in (*records(self), "_optimizer"):
            self.__dict__.pop(name, None)

    def _go_on(self, n_features: int, n_outputs: int) -> None:
        """Take over the weights that there are, fitted or set by hand, with whatever else has been set."""
        sizes, asked = self._sizes(), self._out_activation()
        if (sizes[0], sizes[-1]) != (n_features, n_outputs):
            raise ValueError(
                f"X and y must have {sizes[0]} features and {sizes[-1]} outputs, as coefs_ and intercepts_ have, got "
                f"{n_features} and {n_outputs}"
            )
        if self._output() != asked:
            raise ValueError(f"out_activation_ must be {asked!r} to go on training, got {self._output()!r}")
        self.n_layers_, self.n_outputs_, self.out_activation_ = len(sizes), n_outputs, asked
        for name, value in {"n_iter_": 0, "t_": 0, "n_features_in_": n_features}.items():
            self.__dict__.setdefault(name, value)

    def _descend(self, samples: Samples, validation: tuple[Any, Any, Any], incremental: bool) -> None:
        for name, value in records(self).items():
            self.__dict__.setdefault(name, value)
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = Solver.of(self)
        rows, chosen = np.arange(len(samples.y)), None
        if validation[0] is not None:
            chosen = held_out.given(self, self._own_validation(*validation))
        elif self.early_stopping:
            rows, chosen = held_out.split(self, samples, self._random_state)
        if chosen is not None and self.validation_scores_ is None:
            self.validation_scores_, self.validation_loss_curve_ = [], []
            self.best_validation_score_ = -np.inf
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf
        descend(self, samples, rows, chosen, incremental)

    def _own_validation(self, X_val: Any, y_val: Any, sample_weight_val: Any) -> Samples:
        X = checked(self, X_val, reset=False)
        targets = self._targets_of(y_val, "y_val")
        if len(targets) != X.shape[0]:
            raise ValueError(f"X_val and y_val must have as many samples, got {X.shape[0]} and {len(targets)}")
        weights = weights_of(sample_weight_val, X.shape[0], "sample_weight_val")
        return samples_of(X, targets, weights, self._parameters.dtype, "_val")

    def _require_fitted(self) -> None:
        own = vars(self)
        if "coefs_" not in own or "intercepts_" not in own:  # scikit-learn's search takes as long as a small network
            check_is_fitted(self, ["coefs_", "intercepts_"])

    def _input_dtype(self) -> Any:
        return (np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype)

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

    def _logits_to_predict(self, X: Any, layer: int | None = None) -> Array:
        """Check inputs, and return finite outputs for them."""
        return require_finite_outputs(self._logits(inputs_to_predict(self, X), layer))

    def _output(self) -> str:
        """Return the activation of the outputs, which may not have been set beside weights set by hand."""
        return str(vars(self).get("out_activation_") or self._out_activation())

    def _loss_grad_lbfgs(
        self, packed_coef_inter: Array, X: Any, y: Any, sample_weight: Any = None, *work: Any
    ) -> tuple[float, Array]:
        """Return the loss and its gradient for weights in scikit-learn's order, as its private method of this name.

        Its lists to work in are not needed. Before 1.7 it took no weights of samples.
        """
        weights = None if len(work) == 3 else sample_weight
        return lbfgs.loss_gradient(self, packed_coef_inter, X, y, weights)

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
