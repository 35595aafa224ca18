"""Labels of classes, and the targets and outputs of a network that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from fastnet.estimators.class_weights import Weights, weigh_classes
from fastnet.estimators.validation import SPARSE, weights_of
from fastnet.inference import loss_name, predictions
from fastnet.training.samples import Samples

Array = npt.NDArray[Any]


class ClassLabels:
    """The classifier's dealings with labels: of two classes, of several, or an indicator matrix."""

    classes_: Array
    n_outputs_: int
    out_activation_: str
    class_weight: Any
    warm_start: bool
    _input_dtype: Any
    _loss: Any

    def _take_classes(self, classes: Any, y: Any) -> None:
        """Learn the classes in the first call of `partial_fit`; hold later calls to them."""
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self.classes_ = unique_labels(classes)
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
            )

    def _encode(
        self, X: Any, y: Any, sample_weight: Any, fresh: bool, incremental: bool
    ) -> tuple[Any, Array, Weights | None]:
        X, y = validate_data(
            self, X, y, accept_sparse=SPARSE, multi_output=True, dtype=self._input_dtype(), reset=fresh
        )
        y = _one_dimensional(y)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        elif self.warm_start and set(unique_labels(y)) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {self.classes_}, `y` has {unique_labels(y)}"
            )
        targets, weights = self._targets_of(y, "`y`"), weights_of(sample_weight, X.shape[0])
        if self.class_weight is not None:
            weights = weigh_classes(self.class_weight, self.classes_, targets, weights)
        return X, targets, weights

    def _targets_of(self, y: Any, name: str) -> Array:
        """Return the index of each label's class, or a column of 0 and 1 for each output."""
        labels = _one_dimensional(np.asarray(y) if not hasattr(y, "toarray") else y)
        unknown = np.setdiff1d(unique_labels(labels), self.classes_)
        if len(unknown):
            raise ValueError(
                f"{name} has classes not in `self.classes_`. `self.classes_` has {self.classes_}. {name} has {unknown}."
            )
        if self._out_activation() == "softmax":
            return np.asarray(np.searchsorted(self.classes_, labels), np.int32)
        columns = self._label_binarizer.transform(labels)
        return np.asarray(columns.toarray() if hasattr(columns, "toarray") else columns).astype(bool)

    def _count_outputs(self, targets: Array) -> int:
        return len(self.classes_) if targets.ndim == 1 else targets.shape[1]

    def _out_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _labels(self, targets: Array) -> Any:
        """Return the labels that targets stand for: of an indicator matrix, CSR if y was sparse."""
        if targets.ndim == 1:
            return self.classes_.take(targets)
        if self.n_outputs_ == 1:
            return self.classes_.take(targets[:, 0].astype(np.intp))
        indicators = targets.astype(int)
        sparse = self._label_binarizer.sparse_input_
        return self._label_binarizer.inverse_transform(indicators) if sparse else indicators

    def _decide(self, logits: Array) -> Array:
        """Return the targets that logits come to."""
        # there is nothing to decide about a single class, whose target is 0
        return predictions(self._loss(), logits) if len(self.classes_) > 1 else np.zeros(logits.shape, np.int32)

    def _meaning(self) -> dict[str, Any]:
        """Return the fields of a model that say what outputs stand for: a softmax of one answers its class always."""
        from fastnet.models.labels import labels_of
        from fastnet.models.sklearn import feature_names_of

        loss = "cross_entropy" if len(self.classes_) == 1 else loss_name(self._loss())
        is_indicator = loss == "binary_cross_entropy" and self.n_outputs_ > 1
        labels = None if is_indicator else labels_of(self.classes_)
        return {"loss": loss, "labels": labels, "feature_names": feature_names_of(self)}

    def _stratification(self, targets: Array) -> Array | None:
        return targets if targets.ndim == 2 and targets.shape[1] == 1 else None

    def _score(self, logits: Array, samples: Samples) -> float:
        """Accuracy: for an indicator matrix, the share of samples of which all labels are right."""
        right = self._decide(logits) == samples.y
        if right.ndim == 2:
            right = right.all(axis=1)
        return float(np.average(right, weights=samples.weights))


def _one_dimensional(y: Any) -> Any:
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
