"""What the estimators of many networks share: checks of the data, the networks' seeds and rows, and a fit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from fastnet.estimators.ensembles.members import Data, Member, Rows, fit_all
from fastnet.estimators.ensembles.parameters import network_of
from fastnet.estimators.validation import checked, inputs, inputs_to_predict, weights_of

Array = npt.NDArray[Any]

MOST_SEED = np.iinfo(np.int32).max


class ManyNetworks(BaseEstimator):  # type: ignore[misc]
    """Networks behind one estimator. Classes derived from it say which, and what they answer together."""

    _network: ClassVar[Any]
    _defaults: ClassVar[dict[str, Any]]

    __metadata_request__fit: ClassVar[dict[str, str]] = {"executor": UNUSED}  # nothing to route

    def _store(self, own: dict[str, Any], parameters: dict[str, Any]) -> None:
        """Keep the constructor's arguments as they came, those of the networks among them."""
        unknown = [name for name in parameters if name not in self._defaults]
        if unknown:
            raise TypeError(f"{type(self).__name__} has no parameter {unknown[0]!r}")
        for name, value in (own | self._defaults | parameters).items():
            setattr(self, name, value)

    def _input_dtype(self) -> Any:
        return (np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype)

    def _checked(self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any]) -> Data:
        """Check and convert data once for all networks."""
        how = {"multi_output": True, "dtype": self._input_dtype(), **self._target_checks}
        X, y = checked(self, X, y, **how)
        y = self._learn_targets(y)
        X_val, y_val, weights_val = validation
        if X_val is not None:
            X_val = checked(self, X_val, reset=False)
        weights = weights_of(sample_weight, X.shape[0])
        return Data(inputs(X, X.dtype), y, weights, (X_val, y_val, weights_val))

    def _fitted(self, members: list[Member], data: Data, executor: Any) -> list[Any]:
        """Fit networks, and let them know the names of features."""
        networks = fit_all(members, data, self.n_threads, executor)
        for network in networks:
            if hasattr(self, "feature_names_in_"):
                network.feature_names_in_ = self.feature_names_in_
        self.n_iter_ = max(network.n_iter_ for network in networks)
        return networks

    def _inputs_to_predict(self, X: Any) -> Any:
        check_is_fitted(self, "estimators_")
        return inputs_to_predict(self, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class Ensemble(ManyNetworks):
    """Networks that answer together, each fitted from a seed of its own, perhaps to rows of its own."""

    estimators_: list[Any]

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any], executor: Any) -> Any:
        if self.oob_score and not self.bootstrap:
            raise ValueError("oob_score=True needs bootstrap=True: without it no row is out of any network's bag")
        kept = self._kept()
        data = self._checked(X, y, sample_weight, validation)
        seeds = self._draw_seeds()
        members = []
        for i, (seed, row_seed) in enumerate(seeds):
            network = kept[i] if i < len(kept) else network_of(self, int(seed))
            rows = partial(bootstrap_rows, int(row_seed), data.X.shape[0]) if self.bootstrap else None
            members.append(Member(f"network {i}", network, rows))
        self.estimators_ = self._fitted(members, data, executor)
        self._row_seeds, self._n_samples = seeds[:, 1], data.X.shape[0]
        self._forget_oob()
        if self.oob_score:
            self._set_oob(data)
        return self

    def _kept(self) -> list[Any]:
        """Return copies of the networks that a warm start goes on with, their parameters set anew."""
        if not self.warm_start or not hasattr(self, "estimators_"):
            return []
        if len(self.estimators_) > self.n_estimators:
            raise ValueError(
                f"n_estimators must be at least {len(self.estimators_)}, as many as there are, to go on with "
                f"warm_start=True; got {self.n_estimators}"
            )
        kept = copy.deepcopy(self.estimators_)
        for network in kept:
            network.set_params(**network_of(self, network.random_state).get_params(deep=False))
            vars(network).pop("feature_names_in_", None)
        return kept

    def _draw_seeds(self) -> Array:
        """Draw two seeds for each network, of its fit and of its rows, however many there are."""
        return np.asarray(check_random_state(self.random_state).randint(MOST_SEED, size=(self.n_estimators, 2)))

    @property
    def estimators_samples_(self) -> list[Rows]:
        """The rows that each network was fitted to, in their order; drawn anew, for they are not kept."""
        check_is_fitted(self, "estimators_")
        if not self.bootstrap:
            return [np.arange(self._n_samples) for _ in self.estimators_]
        return [bootstrap_rows(int(seed), self._n_samples) for seed in self._row_seeds]

    def _out_of_bag(self) -> Iterator[tuple[Any, Rows]]:
        """Yield each network, and the rows that it has not seen."""
        for network, rows in zip(self.estimators_, self.estimators_samples_, strict=True):
            unseen = np.ones(self._n_samples, bool)
            unseen[rows] = False
            yield network, np.flatnonzero(unseen)

    def _forget_oob(self) -> None:
        for name in ("oob_score_", "oob_decision_function_", "oob_prediction_"):
            self.__dict__.pop(name, None)


def bootstrap_rows(seed: int, n_samples: int) -> Rows:
    """Draw as many rows as there are, with replacement (Efron, 1979).

    Examples
    --------
    >>> bootstrap_rows(0, 5).tolist()
    [4, 0, 3, 3, 3]
    """
    return np.random.RandomState(seed).randint(n_samples, size=n_samples)
