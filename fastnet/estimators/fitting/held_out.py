"""Validation during a fit: the loss and the score of samples that are not trained on."""

from __future__ import annotations

import copy
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
            weights = {"sample_weight": self.samples.weights} if self._scorer_weighs else {}
            return Evaluation(loss, None), float(self._scorer(self._judge, self.samples.X, self.labels, **weights))
        score = -loss if self.model.scoring == "loss" else float(self.model._score(logits, self.samples))
        return Evaluation(loss, None), score

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


def split(model: Any, samples: Samples, rng: np.random.RandomState) -> tuple[Array, Array]:
    """Return the rows to train on and those to hold out, as scikit-learn draws them."""
    labels = model._stratification(samples.y)
    rows = np.arange(len(samples.y))
    train, held_out = train_test_split(rows, random_state=rng, test_size=model.validation_fraction, stratify=labels)
    if len(held_out) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return train, held_out
