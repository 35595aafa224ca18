"""Labels of classes, and the targets and outputs of a network that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels

from fastnet.estimators.class_weights import Weights, weigh_classes
from fastnet.estimators.validation import checked, weights_of
from fastnet.inference import loss_name, predictions
from fastnet.training.samples import Samples

Array = npt.NDArray[Any]


class ClassLabels:
    """The classifier's dealings with labels: of two classes, of several, or an indicator matrix."""

    classes_: Array
    n_outputs_: int
    out_activation_: str
    class_weight: Any
    label_smoothing: float
    warm_start: bool
    _input_dtype: Any
    _loss: Any
    _output: Any
    intercepts_: list[Array]

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
        X, y = checked(self, X, y, multi_output=True, dtype=self._input_dtype(), reset=fresh)
        y = one_dimensional(y)
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
        labels = one_dimensional(np.asarray(y) if not hasattr(y, "toarray") else y)
        unknown = np.setdiff1d(unique_labels(labels), self.classes_)
        if len(unknown):
            raise ValueError(
                f"{name} has classes not in `self.classes_`. `self.classes_` has {self.classes_}. {name} has {unknown}."
            )
        if self._out_activation() == "softmax":
            return np.asarray(np.searchsorted(self._binarizer().classes_, labels), np.int32)
        columns = self._binarizer().transform(labels)
        return np.asarray(columns.toarray() if hasattr(columns, "toarray") else columns).astype(bool)

    def _encoded(self, y: Any) -> Array:
        """Return targets of which each row has come as what `LabelBinarizer` makes of it."""
        columns = np.asarray(y, np.float64).reshape(len(y), -1)
        if self._output() != "softmax":
            return columns
        if not (np.isin(columns, (0, 1)).all() and (columns.sum(axis=1) == 1).all()):
            raise ValueError("y must have a single 1 in each row, and else 0, for a softmax of classes")
        return np.asarray(columns.argmax(axis=1), np.int32)

    def _count_outputs(self, targets: Array) -> int:
        return len(self.classes_) if targets.ndim == 1 else targets.shape[1]

    def _out_activation(self) -> str:
        return "softmax" if self._kind() == "multiclass" else "logistic"

    def _kind(self) -> str:
        """Return the kind of the labels; that of weights set by hand, without labels, is told by the outputs."""
        if "_label_binarizer" in vars(self):
            return str(self._label_binarizer.y_type_)
        if np.size(self.intercepts_[-1]) == 1:
            return "binary"
        return "multilabel-indicator" if vars(self).get("out_activation_") == "logistic" else "multiclass"

    def _binarizer(self) -> Any:
        """Return what knows the labels; where weights were set by hand, it may be the classes alone that are known."""
        if "_label_binarizer" in vars(self):
            return self._label_binarizer
        n_outputs, kind = np.size(self.intercepts_[-1]), self._kind()
        if "classes_" not in vars(self):
            raise NotFittedError("classes_ must be set beside coefs_ and intercepts_, to name the classes predicted")
        if len(self.classes_) != (2 if kind == "binary" else n_outputs):
            raise ValueError(f"classes_ must name the classes of {n_outputs} outputs, got {len(self.classes_)} of them")
        if not np.array_equal(np.unique(self.classes_), self.classes_):
            raise ValueError(f"classes_ must be in ascending order, each once, got {self.classes_}")
        return LabelBinarizer().fit(np.eye(n_outputs, dtype=int) if kind.startswith("multilabel") else self.classes_)

    def _labels(self, targets: Array) -> Any:
        """Return the labels that targets stand for: of an indicator matrix, CSR if y was sparse."""
        binarizer = self._binarizer()
        if targets.ndim == 1:
            return binarizer.classes_.take(targets)
        if targets.shape[1] == 1:
            return binarizer.classes_.take(targets[:, 0].astype(np.intp))
        indicators = targets.astype(int)
        return binarizer.inverse_transform(indicators) if binarizer.sparse_input_ else indicators

    def _decide(self, logits: Array) -> Array:
        """Return the targets that logits come to."""
        # there is nothing to decide about a single class, whose target is 0
        single = logits.shape[1] == 1 and len(self._binarizer().classes_) == 1
        return np.zeros(logits.shape, np.int32) if single else predictions(self._loss(), logits)

    def _strata(self, targets: Array) -> Array | None:
        """Return the class of each sample, if it has one."""
        return targets.reshape(-1) if targets.shape[1:] in ((), (1,)) else None

    def _smoothed(self, targets: Array) -> Array:
        """Smooth the targets of sigmoid outputs, between two classes; softmax has it in its loss."""
        share = float(self.label_smoothing)
        return targets if targets.ndim == 1 or not share else targets * (1 - share) + share / 2

    def _meaning(self) -> dict[str, Any]:
        """Return the fields of a model that say what outputs stand for: a softmax of one answers its class always."""
        from fastnet.models.labels import labels_of
        from fastnet.models.sklearn import feature_names_of

        loss = "cross_entropy" if len(self.classes_) == 1 else loss_name(self._loss())
        is_indicator = loss == "binary_cross_entropy" and np.size(self.intercepts_[-1]) > 1
        labels = None if is_indicator else labels_of(self.classes_)
        return {"loss": loss, "labels": labels, "feature_names": feature_names_of(self)}

    def _score(self, logits: Array, samples: Samples) -> float:
        """Accuracy: for an indicator matrix, the share of samples of which all labels are right."""
        right = self._decide(logits) == samples.y
        if right.ndim == 2:
            right = right.all(axis=1)
        return float(np.average(right, weights=samples.weights))


def one_dimensional(y: Any) -> Any:
    """Return a column as a vector, with scikit-learn's warning."""
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
