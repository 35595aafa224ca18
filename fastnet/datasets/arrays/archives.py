"""Files of data sets that are like MNIST: EMNIST's IDX files, and KMNIST's pairs of ``.npz``.

EMNIST (https://www.nist.gov/itl/products-and-services/emnist-dataset) keeps images by columns, and says in
``emnist-letters-mapping.txt`` which characters its labels stand for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastnet.datasets.arrays.idx import PARTS, find_spelling, labels_name, read_idx
from fastnet.datasets.arrays.reader import read_member
from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import one_line, stem
from fastnet.datasets.labels import Array, Names

_EMNIST = re.compile(r"(emnist-\w+)-(train|test)-images[-.]idx3(?:-ubyte)?(?:\.gz)?")
_KMNIST = re.compile(r"(\w+)-(train|test)-imgs\.npz")

Mapping = dict[int, str]


class Part(NamedTuple):
    """Images and labels of one part, with the characters that labels stand for."""

    X: Array
    y: Array | None
    characters: Mapping | None


def is_part(path: Path) -> bool:
    """Whether a file is one of these data sets' files of images."""
    return bool(_EMNIST.fullmatch(path.name) or _KMNIST.fullmatch(path.name))


def read_part(path: Path, require_labels: bool) -> Dataset:
    """Read one file of images, with the labels beside it."""
    return _dataset(path, _part(path), None, stem(path), require_labels)


def read_archive(directory: Path, require_labels: bool) -> Dataset | None:
    """Read the training and the test part of the one such data set in a folder; None if there is none."""
    if find_spelling(directory, PARTS[0]) is not None:  # MNIST itself
        return None
    found = {match[1]: path for path in sorted(directory.iterdir()) if (match := _training(path)) is not None}
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"{directory}: holds {', '.join(found)}: expected one of them, or the file of its images")
    (name, path), = found.items()  # fmt: skip
    test = path.with_name(path.name.replace("-train-", "-test-"))
    other = test if test.is_file() else find_spelling(directory, test.name)
    return _dataset(directory, _part(path), None if other is None else _part(other), name, require_labels)


def _training(path: Path) -> re.Match[str] | None:
    match = _EMNIST.fullmatch(path.name) or _KMNIST.fullmatch(path.name)
    return match if match is not None and match[2] == "train" else None


def _part(path: Path) -> Part:
    if _KMNIST.fullmatch(path.name):
        labels = path.with_name(path.name.replace("-imgs", "-labels"))
        return Part(read_member(path, "arr_0"), read_member(labels, "arr_0") if labels.is_file() else None, None)
    X = read_idx(path)
    if X.ndim != 3:
        raise ValueError(f"{path}: images of shape {X.shape}, expected 3 dimensions")
    labels_path = find_spelling(path.parent, labels_name(path.name))
    match = _EMNIST.fullmatch(path.name)
    assert match is not None
    mapping = path.with_name(f"{match[1]}-mapping.txt")
    characters = read_mapping(mapping) if mapping.is_file() else None
    return Part(X.transpose(0, 2, 1), None if labels_path is None else read_idx(labels_path), characters)


def read_mapping(path: Path) -> Mapping:
    """Read which character each label stands for: lines of a label and one or two codes, the capital letter first."""
    try:
        rows = [[int(cell) for cell in line.split()] for line in path.read_text("ascii").splitlines() if line.strip()]
        return {row[0]: chr(row[1]) for row in rows}
    except (ValueError, IndexError, OverflowError) as error:
        raise ValueError(f"{path}: not a mapping of labels to codes of characters: {one_line(error)}") from None


def named(y: Array | None, characters: Mapping | None, where: object) -> tuple[Array | None, Names | None]:
    """Return labels counted in the order of their numbers, and the characters as names; digits stay numbers."""
    if y is None or characters is None or all(str(label) == text for label, text in characters.items()):
        return y, None
    labels = np.array(sorted(characters))
    flat = np.asarray(y).reshape(-1)
    places = np.searchsorted(labels, flat).clip(max=labels.size - 1)
    unknown = labels[places] != flat
    if unknown.any():
        raise ValueError(f"{where}: label {flat[unknown][0]}, which the mapping to characters does not have")
    return places, tuple(characters[label] for label in labels.tolist())


def _dataset(path: Path, train: Part, test: Part | None, name: str, require_labels: bool) -> Dataset:
    y, names = named(train.y, train.characters, path)
    if test is None:
        return checked_dataset(str(path), train.X, y, name=name, require_labels=require_labels, label_names=names)
    y_test, _ = named(test.y, train.characters, path)
    return checked_dataset(
        str(path), train.X, y, test.X, y_test, name=name, require_labels=require_labels, label_names=names
    )
