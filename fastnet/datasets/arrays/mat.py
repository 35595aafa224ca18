"""MATLAB files of version 5, through scipy: EMNIST's, and those that hold X and y."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

from fastnet.datasets.arrays.archives import Mapping, named
from fastnet.datasets.arrays.reader import KEYS
from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import one_line, open_binary, read_at_most, stem
from fastnet.datasets.labels import Array

MATLAB_MAGIC = b"MATLAB 5.0 MAT-file"


def is_matlab(head: bytes) -> bool:
    """Whether a file begins as one that scipy reads."""
    return head.startswith(MATLAB_MAGIC)


def read_mat(path: Path, require_labels: bool) -> Dataset:
    """Read EMNIST's ``dataset``, with its parts and its characters, or arrays that are called as in ``.npz`` files."""
    variables = _variables(path)
    try:
        if "dataset" in variables:
            return _emnist(path, variables["dataset"][0, 0], require_labels)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: 'dataset' is not laid out as EMNIST's: {one_line(error)}") from error
    keys = next((row for row in KEYS if row[0] in variables), None)
    if keys is None:
        found = one_line(", ".join(name for name in variables if not name.startswith("__")) or "nothing")
        raise ValueError(f"{path}: expected EMNIST's dataset, or arrays X and y, found {found}")
    others = [variables.get(key) for key in keys[1:]]
    return checked_dataset(str(path), variables[keys[0]], *others, name=stem(path), require_labels=require_labels)


def _variables(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat  # slow to import

    with open_binary(path) as stream:
        content = io.BytesIO(read_at_most(stream, 1 << 62))
    try:
        variables: dict[str, Any] = loadmat(content)
    except Exception as error:  # whatever damaged bytes lead to
        raise ValueError(f"{path}: damaged MATLAB file: {one_line(error)}") from error
    return variables


def _emnist(path: Path, dataset: Any, require_labels: bool) -> Dataset:
    characters: Mapping = {int(row[0]): chr(int(row[1])) for row in dataset["mapping"]}
    parts: list[Array | None] = []
    names = None
    for part in ("train", "test"):
        held = dataset[part][0, 0]
        y, found = named(held["labels"], characters, path)
        parts += [_by_rows(held["images"]), y]
        names = names or found
    X, *others = parts
    assert X is not None
    return checked_dataset(str(path), X, *others, name=stem(path), require_labels=require_labels, label_names=names)


def _by_rows(images: Array) -> Array:
    """Return square images, which MATLAB keeps by columns, by rows."""
    side = math.isqrt(images.shape[1])
    return images.reshape(-1, side, side).transpose(0, 2, 1)
