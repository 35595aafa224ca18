"""A saved model, ready to run, and data that fits it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from fastnet.cli.classes import with_classes_of
from fastnet.cli.data import check_ranges, load
from fastnet.datasets import Dataset
from fastnet.inference import Evaluation, Inference, loss_name
from fastnet.models import Model, load_model
from fastnet.validation.training import LABELLED


class SavedModel(Inference):
    """A model that predicts and evaluates; what it is given is prepared as its training data was."""

    def __init__(self, model: Model, backend: str, threads: int | None) -> None:
        super().__init__(model.network, model.loss, backend, threads)
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
    prepare = None if trainer.model.preprocessing is None else trainer.model.prepare
    check_ranges(data, str(trainer.network.dtype), path, prepare)
    try:
        return with_classes_of(trainer.model.labels, data, path, model)
    except ValueError as error:
        if require_labels:
            raise
        warnings.warn(f"{error}; the labels are ignored", stacklevel=2)
    return replace(data, y=None, y_test=None)  # of another kind than the model's, and not asked for
