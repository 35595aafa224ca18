"""A saved model, ready to run, and data that fits it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.cli.data import load
from fastnet.datasets import Dataset
from fastnet.models import Model, load_model
from fastnet.training.history import Evaluation
from fastnet.training.targets import loss_name
from fastnet.training.trainer import Trainer
from fastnet.validation.training import LABELLED


class SavedModel(Trainer):
    """A model that predicts and evaluates; what it is given is prepared as its training data was."""

    def __init__(self, model: Model, backend: str, threads: int | None) -> None:
        super().__init__(model.network, loss=model.loss, backend=backend, n_threads=threads)
        self.model = model

    def predict_logits(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the outputs of the last layer for inputs as they are in a file."""
        return super().predict_logits(self.model.prepare(X))

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Evaluation:
        """Mean loss and accuracy on inputs as they are in a file."""
        return super().evaluate(self.model.prepare(X), y)

    def names_of(self, classes: Iterable[int]) -> list[str]:
        """Return what classes are called: their names, or their numbers."""
        labels = self.model.labels if loss_name(self.loss) in LABELLED else None
        return [str(place) if labels is None else labels[place] for place in classes]


def open_model(path: Path, backend: str, threads: int | None) -> SavedModel:
    """Read a model."""
    return SavedModel(load_model(path), backend, threads)


def load_data(path: Path, label: str | None, trainer: SavedModel, model: Path, require_labels: bool) -> Dataset:
    """Read data and see that it has the features that a model takes, and if labels are required, its classes."""
    data = load(path, label, require_labels=require_labels)
    expected, found = trainer.network.sizes[0], data.X.shape[1]
    if found != expected:
        raise ValueError(f"{path}: {found} features, expected {expected} as {model} takes")
    if data.label_names is None:
        return data
    return _with_classes_of(trainer.model.labels, data, path, model) if require_labels else replace(data, y=None)


def _with_classes_of(labels: tuple[str, ...] | None, data: Dataset, path: Path, model: Path) -> Dataset:
    """Count labels that are names among the classes that a model was trained on."""
    assert data.label_names is not None
    if labels is None:
        raise ValueError(f"{path}: labels are names, expected numbers as {model} was trained with")
    unknown = [name for name in data.label_names if name not in labels]
    if unknown:
        raise ValueError(f"{path}: class {unknown[0]!r} is none of the {len(labels)} that {model} was trained on")
    places = np.array([labels.index(name) for name in data.label_names], np.int32)
    y, y_test = (None if part is None else places[part] for part in (data.y, data.y_test))
    return replace(data, y=y, y_test=y_test, label_names=labels)
