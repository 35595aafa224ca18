"""A saved model, ready to run, and data that fits it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from fastnet.cli.classes import with_classes_of
from fastnet.cli.data import LABEL, check_ranges, load
from fastnet.cli.tables.saved import load_for
from fastnet.datasets import Dataset
from fastnet.datasets.csv.dialect import Dialect
from fastnet.inference import Evaluation, Inference
from fastnet.models import Model, load_model


class SavedModel(Inference):
    """A model that predicts and evaluates; what it is given is prepared as its training data was."""

    def __init__(self, model: Model, backend: str, threads: int | None) -> None:
        super().__init__(model.network, model.loss, backend, threads)
        self.model = model

    def predict_logits(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the outputs of the last layer for inputs as they are in a file."""
        return super().predict_logits(self._prepared(X))

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Evaluation:
        """Mean loss and accuracy on inputs as they are in a file."""
        return super().evaluate(self._prepared(X), y)

    def _prepared(self, X: npt.ArrayLike) -> npt.ArrayLike:
        """Prepare inputs; those of a table are encoded as it is read."""
        return X if self.model.table is not None else self.model.prepare(X)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What classes are called; None where they have numbers from 0 alone, and for outputs that are no classes."""
        labels = None if self.model.n_classes is None else self.model.labels
        return None if labels is None else tuple(map(str, labels))

    def names_of(self, classes: Iterable[int]) -> list[str]:
        """Return what classes are called: their names, or their numbers."""
        names = self.class_names
        return [str(place) if names is None else names[place] for place in classes]

    def output_names(self, n_columns: int) -> list[str]:
        """Return what columns of outputs, or of the probabilities of all classes, are called."""
        return list(map(str, self.model.labels or range(n_columns)))


def open_model(path: Path, backend: str, threads: int | None) -> SavedModel:
    """Read a model."""
    return SavedModel(load_model(path), backend, threads)


def load_data(
    path: Path, label: str | None, trainer: SavedModel, model: Path, require_labels: bool, drop_labels: bool = False,
    dialect: Dialect | None = None,
) -> Dataset:  # fmt: skip
    """Read data and see that it has the features that a model takes, and if labels are required, its classes.

    Columns are found by their names, that of labels under the name that the model knows, or else the usual one.
    """
    dialect = dialect or Dialect()
    if trainer.model.table is not None:
        return load_for(path, label, trainer.model, dialect, require_labels, drop_labels)
    if dialect.is_given:
        raise ValueError(
            f"--delimiter, --decimal and --encoding are of tables, and {model} was trained on plain numbers"
        )
    known, n_features = trainer.model, trainer.network.sizes[0]
    labels = (known.label_name, LABEL) if label is None and known.label_name is not None else label
    features = known.feature_names or n_features
    data = load(path, labels, require_labels=require_labels, drop_labels=drop_labels, features=features)
    found = data.X.shape[1]
    if found != n_features:
        raise ValueError(f"{path}: {found} features, expected {n_features} as {model} takes")
    prepare = None if trainer.model.preprocessing is None else trainer.model.prepare
    check_ranges(data, str(trainer.network.dtype), path, prepare)
    try:
        return with_classes_of(trainer.class_names, data, path, model)
    except ValueError as error:
        if require_labels:
            raise
        warnings.warn(f"{error}; the labels are ignored", stacklevel=2)
    return replace(data, y=None, y_test=None)  # of another kind than the model's, and not asked for
