"""Validation during a fit: the loss and the score of samples that are not trained on."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from fastnet.inference import Evaluation
from fastnet.reference.step import sample_losses
from fastnet.training.samples import Samples

Array = npt.NDArray[Any]


class HeldOut:
    """Samples to validate with, and how.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        The estimator, with its first parameters in place.
    samples : Samples
        Inputs and encoded answers.
    labels : ndarray
        The answers as scorers know them.
    """

    def __init__(self, model: Any, samples: Samples, labels: Array) -> None:
        self.model, self.samples, self.labels = model, samples, labels
        self._scorer = check_scorer(model)
        self._scorer_weighs = False
        if self._scorer is not None:
            self._scorer_weighs = samples.weights is not None and _takes_weights(self._scorer)
            self._judge = copy.copy(model)  # it shares the parameters, and takes arrays without names of features
            vars(self._judge).pop("feature_names_in_", None)

    def evaluate(self) -> tuple[Evaluation, float]:
        """Return the loss and the score of the model as it is."""
        logits = self.model._logits(self.samples.X)
        loss = self._loss(logits)
        if self._scorer is not None:
            if not np.isfinite(logits).all():  # a diverging model: the fit may yet find back to better weights
                return Evaluation(loss, None), math.nan
            weights = {"sample_weight": self.samples.weights} if self._scorer_weighs else {}
            return Evaluation(loss, None), float(self._scorer(self._judge, self.samples.X, self.labels, **weights))
        score = -loss if self.model.scoring == "loss" else float(self.model._score(logits, self.samples))
        return Evaluation(loss, None), score

    def fault(self) -> str | None:
        """Tell what keeps early stopping from going by the score, found out by scoring the model as it is."""
        what = f"scoring={self.model.scoring!r}" if self._scorer is not None else "the validation data"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they will come again, after the first epoch
                score = self.evaluate()[1]
        except Exception as error:
            return f"{what} cannot be scored: {type(error).__name__}: {error}"
        return f"{what} gives NaN for {len(self.labels)} samples" if math.isnan(score) else None

    @np.errstate(all="ignore")
    def _loss(self, logits: Array) -> float:
        name, *settings = self.model._validation_loss()
        each = getattr(sample_losses, name)(logits, self.samples.y, *settings)
        weights = self.samples.weights
        mean = each.mean() if weights is None else (weights * each).sum() / weights.sum()
        return float(mean) / float(self.model._loss_divisor())


def check_scorer(model: Any) -> Any:
    """Return the scorer that an estimator asks for; None where it needs none."""
    return None if model.scoring in (None, "loss") else check_scoring(model, model.scoring)


def _takes_weights(scorer: Callable[..., Any]) -> bool:
    """Tell whether a scorer has use for `sample_weight`; one of scikit-learn's has if its metric has."""
    try:
        parameters = signature(getattr(scorer, "_score_func", scorer)).parameters
    except ValueError:  # of a function written in C
        return False
    return "sample_weight" in parameters or any(one.kind is Parameter.VAR_KEYWORD for one in parameters.values())


def given(model: Any, samples: Samples) -> HeldOut:
    """Return validation data that were given, by which early stopping can go if it is asked for."""
    held_out = HeldOut(model, samples, model._labels(samples.y))
    fault = held_out.fault() if model.early_stopping else None
    if fault is not None:
        raise ValueError(f"early_stopping needs validation data with a score: {fault}")
    return held_out


def split(model: Any, samples: Samples, rng: np.random.RandomState) -> tuple[Array, HeldOut]:
    """Return the rows to train on, and the others to validate with, as scikit-learn draws them.

    Where those could not be scored, others are drawn among the rows that have weight, of every class that has two.
    This is no business of a draw that scikit-learn refuses, unless there are weights of 0, of which it knows nothing.
    """
    faults = []
    for draw in (_as_scikit_learn, _of_weight_and_class):
        try:
            train, others = draw(model, samples, rng)
        except ValueError as error:
            faults.append(str(error))
            if samples.weights is None or samples.weights.all():
                break
            continue
        chosen = samples.take(others)
        held_out = HeldOut(model, chosen, model._labels(chosen.y))
        fault = _want_of_rows(model, samples, train, others) or held_out.fault()
        if fault is None:
            return train, held_out
        faults.append(fault)
    raise ValueError(f"early_stopping cannot hold out rows to score: {faults[0]}")


def _as_scikit_learn(model: Any, samples: Samples, rng: np.random.RandomState) -> tuple[Array, Array]:
    rows, y = np.arange(len(samples.y)), samples.y
    of_two = y.astype(bool) if y.shape[1:] == (1,) and model._strata(y) is not None else None  # as errors name them
    train, others = train_test_split(rows, random_state=rng, test_size=model.validation_fraction, stratify=of_two)
    if len(others) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return train, others


def _of_weight_and_class(model: Any, samples: Samples, rng: np.random.RandomState) -> tuple[Array, Array]:
    """Draw rows that have weight: one of each class that has another to be trained on, and the rest by chance."""
    rows, labels = np.arange(len(samples.y)), model._strata(samples.y)
    drawn = rng.permutation(_weighty(samples, rows))
    classes = np.zeros(len(drawn)) if labels is None else labels[drawn]
    _, first, counts = np.unique(classes, return_index=True, return_counts=True)
    last = len(drawn) - 1 - np.unique(classes[::-1], return_index=True)[1]
    of_each = first[counts > 1]
    rest = np.setdiff1d(np.arange(len(drawn)), [*of_each, *last])
    n_held_out = max(2, math.ceil(model.validation_fraction * len(drawn)))
    held_out = drawn[[*of_each, *rest[: max(0, n_held_out - len(of_each))]]]
    return np.setdiff1d(rows, held_out), held_out


def _weighty(samples: Samples, rows: Array) -> Array:
    return rows if samples.weights is None else rows[samples.weights[rows] > 0]


def _want_of_rows(model: Any, samples: Samples, train: Array, others: Array) -> str | None:
    """Tell what rows there are too few of, to train on and to score by."""
    weighty, labels = _weighty(samples, others), model._strata(samples.y)
    if not len(_weighty(samples, train)):
        return "no row with weight is left to train on"
    if len(weighty) < 2:
        return f"{len(weighty)} of {len(others)} rows held out have weight"
    if labels is None or len(np.unique(labels[weighty])) > 1:
        return None
    n_classes = len(np.unique(labels[_weighty(samples, np.arange(len(labels)))]))
    return f"the rows held out are of one class of {n_classes}" if n_classes > 1 else None
