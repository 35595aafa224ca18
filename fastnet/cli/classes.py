"""Labels of a file, counted as the outputs of a model are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fastnet.datasets import Dataset
from fastnet.datasets.labels import Names
from fastnet.datasets.numbering import are_numbers


def with_classes_of(labels: Names | None, data: Dataset, path: Path, model: Path) -> Dataset:
    """Return data whose labels are places among the classes that a model was trained on, called `labels`.

    A class is known by its name, or by the number that its file gives it. Numbers that none of the classes is called
    by are places already.
    """
    if data.y is None and data.y_test is None:
        return data
    names = data.label_names or tuple(map(str, range(data.n_classes)))
    numbers = are_numbers(names)
    if labels is None or (numbers and not set(names) & set(labels)):
        if not numbers:
            raise ValueError(f"{path}: labels are names, expected numbers as {model} was trained with")
        places = [int(name) for name in names]
        if labels is not None and places[-1] >= len(labels):
            raise _unknown(names[-1], labels, path, model)
    else:
        known = {name: place for place, name in enumerate(labels)}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise _unknown(unknown[0], labels, path, model)
        places = [known[name] for name in names]
    table = np.array(places, np.int32)
    y, y_test = (None if part is None else table[part] for part in (data.y, data.y_test))
    return replace(data, y=y, y_test=y_test, label_names=labels)


def _unknown(name: str, labels: Names, path: Path, model: Path) -> ValueError:
    return ValueError(f"{path}: class {name!r} is none of the {len(labels)} that {model} was trained on")
