"""The training part and the test part of some data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import datasets
from fastnet.datasets import Dataset

LABEL = "label"
FRACTION = 0.2
CLASSES = 1000
"""As many classes are believed of any data; more only where there are as many samples."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Data to train and test on; `held_out` says that the test part was taken from the training part."""

    name: str
    X: npt.NDArray[Any]
    y: npt.NDArray[np.int32]
    X_test: npt.NDArray[Any]
    y_test: npt.NDArray[np.int32]
    held_out: bool
    n_classes: int
    image_shape: tuple[int, ...] | None

    @property
    def input_scale(self) -> float:
        """Factor that brings integers to [0, 1]; floats stay as they are."""
        return 1.0 / max(int(self.X.max()), 1) if self.X.dtype == np.uint8 else 1.0

    def as_json(self) -> dict[str, Any]:
        """Return what the data is."""
        return {
            "name": self.name,
            "samples": len(self.X),
            "test_samples": len(self.X_test),
            "test_part": "held out" if self.held_out else "given",
            "features": self.X.shape[1],
            "classes": self.n_classes,
            "dtype": str(self.X.dtype),
        }

    def __str__(self) -> str:
        samples = f"{len(self.X):,} + {len(self.X_test):,} {'held-out' if self.held_out else 'test'} samples"
        return f"{self.name}: {samples}, {self.X.shape[1]:,} {self.X.dtype} features, {self.n_classes:,} classes"


def load_parts(path: Path | None, label: str | None, fraction: float | None, seed: int) -> Parts:
    """Read labelled data and see that it has a test part."""
    if path is None and label is not None:
        raise ValueError("--label needs DATA: the embedded digits have no columns")
    data = datasets.load(path, label=LABEL if label is None else label)
    assert data.y is not None
    n_samples = len(data.y) + (0 if data.y_test is None else len(data.y_test))
    if data.n_classes > max(CLASSES, n_samples):
        raise ValueError(
            f"{data.name}: {n_samples:,} samples with labels of up to {data.n_classes - 1:,}, "
            "expected classes numbered from 0"
        )
    if data.X_test is not None and data.y_test is not None:
        if fraction is not None:
            raise ValueError(f"--test-fraction does not fit {path}, which has a test part of its own")
        return Parts(data.name, data.X, data.y, data.X_test, data.y_test, False, data.n_classes, data.image_shape)
    train, test = datasets.stratified_split(data.y, FRACTION if fraction is None else fraction, seed)
    return Parts(
        data.name, data.X[train], data.y[train], data.X[test], data.y[test], True, data.n_classes, data.image_shape
    )  # fmt: skip


def test_part(data: Dataset) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32] | None, str]:
    """Return features, labels and name of the part that a model is tried on: the test part where there is one."""
    if data.X_test is not None:
        return data.X_test, data.y_test, "test part"
    return data.X, data.y, "all samples"
