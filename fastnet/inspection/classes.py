"""What pictures and reports of a classifier share: names of classes, confusion, mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.inference import Inference, class_count, loss_name
from fastnet.validation.training import LABELLED

Array = npt.NDArray[Any]


class ClassMetrics(NamedTuple):
    """Metrics of one class; those that divide by nothing are None."""

    samples: int
    precision: float | None
    recall: float | None
    f1: float | None


def class_names(labels: Sequence[str | int] | None, n_classes: int) -> list[str]:
    """Return a name for each class: those given, or numbers from 0."""
    if labels is None:
        return [str(i) for i in range(n_classes)]
    if isinstance(labels, str) or len(labels) != n_classes:
        raise ValueError(f"labels must hold a name for each of {n_classes} classes, got {len(labels)}: {labels!r:.80}")
    return [str(name) for name in labels]


def shortened(text: str, longest: int, dots: str = "…") -> str:
    """Take the middle out of a long text: names often differ at their end."""
    if len(text) <= longest:
        return text
    kept = max(longest - len(dots), 2)
    return text[: kept - kept // 2] + dots + text[len(text) - kept // 2 :]


def checked_classes(name: str, y: npt.ArrayLike, n_classes: int | None = None) -> npt.NDArray[np.int64]:
    """Return class numbers as a vector of int64; each must be from 0, and below `n_classes` if that is given."""
    given = np.asarray(y)
    if given.ndim != 1:
        raise ValueError(f"{name} must have shape (n_samples,), got {given.shape}")
    if given.dtype.kind not in "biu" and given.size:
        raise TypeError(f"{name} must hold class numbers, got {given.dtype}")
    classes: npt.NDArray[np.int64] = given.astype(np.int64)
    if classes.size and (classes.min() < 0 or (n_classes is not None and classes.max() >= n_classes)):
        expected = "from 0" if n_classes is None else f"from 0 to {n_classes - 1}"
        raise ValueError(f"{name} must hold classes {expected}, got {classes.min()} to {classes.max()}")
    return classes


def checked_probabilities(probabilities: npt.ArrayLike) -> Array:
    """Return probabilities as a matrix, a row for each sample."""
    values = np.asarray(probabilities)
    if values.ndim != 2 or values.shape[1] < 1 or values.dtype.kind not in "biuf":
        raise ValueError(f"probabilities must have shape (n_samples, n_classes), got {values.shape} of {values.dtype}")
    return values


def confusion_matrix(y: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> npt.NDArray[np.int64]:
    """Count the samples of each actual class (row) by predicted class (column)."""
    actual, predictions = checked_classes("y", y, n_classes), checked_classes("predicted", predicted, n_classes)
    if len(actual) != len(predictions):
        raise ValueError(f"predicted must have as many samples as y, {len(actual)}, got {len(predictions)}")
    counts = np.bincount(actual * n_classes + predictions, minlength=n_classes * n_classes)
    return counts.astype(np.int64).reshape(n_classes, n_classes)


def class_metrics(matrix: npt.NDArray[np.int64]) -> list[ClassMetrics]:
    """Return samples, precision, recall and F1 of each class (van Rijsbergen, 1979) from its confusion matrix."""

    def share(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    right, samples, predictions = (values.tolist() for values in (matrix.diagonal(), matrix.sum(1), matrix.sum(0)))
    return [
        ClassMetrics(n, share(hits, n_predictions), share(hits, n), share(2 * hits, n + n_predictions))
        for hits, n, n_predictions in zip(right, samples, predictions, strict=True)
    ]


def most_confident_mistakes(y: npt.ArrayLike, probabilities: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the indices of wrongly classified samples, those of the most probable predictions first."""
    values = checked_probabilities(probabilities)
    actual = checked_classes("y", y, values.shape[1])
    if len(actual) != len(values):
        raise ValueError(f"probabilities must have a row for each of {len(actual)} samples, got {len(values)}")
    wrong = np.flatnonzero(values.argmax(axis=1) != actual)
    return wrong[np.argsort(-values[wrong].max(axis=1), kind="stable")].astype(np.int64)


def n_classes_of(model: Inference, what: str) -> int:
    """Return how many classes a model tells apart; ValueError, which begins with `what`, if it does no such thing."""
    name, n_outputs = loss_name(model.loss), model.network.sizes[-1]
    count = class_count(model.loss, n_outputs)
    if count is not None:
        return count
    outputs = f"{n_outputs} output{'' if n_outputs == 1 else 's'}"
    raise ValueError(f"{what} needs a model that tells classes apart, got one with the loss {name} and {outputs}")


def class_probabilities(model: Inference, X: Array) -> Array:
    """Return the probabilities of all classes, shape (n_samples, n_classes), two of them for a single sigmoid."""
    values = model.predict_proba(X)
    return np.hstack([1 - values, values]) if values.shape[1] == 1 and loss_name(model.loss) not in LABELLED else values
