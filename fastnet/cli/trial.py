"""A saved model and the samples that it is tried on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.cli.data import test_part
from fastnet.cli.model import SavedModel, load_data, open_model
from fastnet.datasets.csv.dialect import Dialect
from fastnet.datasets.held_out import held_out_rows, seen_and_held_out
from fastnet.inspection.classes import class_names, class_probabilities, n_classes_of
from fastnet.inspection.images import is_image


@dataclass(frozen=True, eq=False)
class Trial:
    """A model that tells classes apart, samples, and what they are called; `y` is None without labels."""

    trainer: SavedModel
    X: npt.NDArray[Any]
    y: npt.NDArray[np.int32] | None
    part: str
    labels: list[str]
    image_shape: tuple[int, ...] | None
    feature_names: tuple[str, ...] | None

    def note_held_out(self, what: str) -> None:
        """Warn of samples that the model was trained on: it makes fewer mistakes among them."""
        note_held_out(self.trainer, self.X, self.y, what)

    def probabilities(self, rows: npt.ArrayLike | None = None) -> npt.NDArray[Any]:
        """Return the probabilities of the classes for all samples, or for some."""
        return class_probabilities(self.trainer, self.X if rows is None else self.X[np.asarray(rows)])

    @property
    def pictured(self) -> dict[str, Any]:
        """What the functions of `fastnet.plots` want to know of samples, by keyword."""
        names = {} if self.image_shape else {"feature_names": self.feature_names}
        return {"image_shape": self.image_shape, "labels": self.labels, **names}


def note_held_out(trainer: SavedModel, X: npt.NDArray[Any], y: npt.NDArray[Any] | None, what: str) -> None:
    """Warn of samples that the model was trained on."""
    held_out = None if y is None else held_out_rows(trainer.model.settings.get("trained_on"), X, y)
    if held_out is not None:
        warnings.warn(f"{what}: the model was {seen_and_held_out(len(X), held_out)}", stacklevel=2)


def open_trial(
    model: Path, data: Path, label: str | None, backend: str, threads: int | None, what: str, require_labels: bool
) -> Trial:
    """Read a model and data that fits it; `what` begins the error for a model that does not tell classes apart."""
    return trial_of(open_model(model, backend, threads), model, data, label, what, require_labels)


def trial_of(
    trainer: SavedModel, model: Path, data: Path, label: str | None, what: str, require_labels: bool,
    dialect: Dialect | None = None,
) -> Trial:  # fmt: skip
    """Read data that fits a model."""
    n_classes = n_classes_of(trainer, what)
    found = load_data(data, label, trainer, model, require_labels, dialect=dialect)
    X, y, part = test_part(found, labelled=require_labels)
    if y is not None and y.size and y.max() >= n_classes:
        raise ValueError(f"{data}: labels of up to {y.max()}, expected less than {n_classes}, the classes of {model}")
    labels, shape = class_names(trainer.model.labels, n_classes), trainer.model.image_shape or found.image_shape
    return Trial(
        trainer, X, y, part, labels, shape if is_image(shape) else None,
        found.feature_names or trainer.model.feature_names,
    )  # fmt: skip


def checked_indices(indices: list[int], n_samples: int) -> list[int]:
    """Return indices of samples, which must be there."""
    for index in indices:
        if not 0 <= index < n_samples:
            raise ValueError(f"--index must be from 0 to {n_samples - 1}, got {index}")
    return indices
