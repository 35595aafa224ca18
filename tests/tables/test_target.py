"""Which columns hold classes to predict, and which numbers."""

import numpy as np
import pytest

from fastnet.tables.cells import Cells
from fastnet.tables.target import read_target, task_of


def cells(values, content="number"):
    return Cells("y", content, False, np.array(values, float) if content == "number" else values)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([1.5, 2], "regression"),
        (range(150), "regression"),
        ([*range(101)] * 100, "classification"),
        ([0, 1, np.nan], "classification"),
        (range(100), "classification"),
    ],
)
def test_the_task_is_told_from_the_numbers(values, task):
    assert task_of(cells(values)) == task
    assert task_of(cells(["a"], "text")) == "classification"


def test_classes_are_called_as_in_the_column():
    target = read_target(cells([10, 9, 9.5]), "classification", "t")
    assert (target.labels, target.values.tolist()) == (("9", "9.5", "10"), [2, 0, 1])
    assert read_target(cells([True, False], "bool"), "classification", "t").labels == ("False", "True")
    again = read_target(cells(["9.5", "10"], "text"), "classification", "t", target.labels)
    assert again.values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("column", "task", "error"),
    [
        (cells([1, np.nan]), "regression", "no value in 1 of 2 rows, row 1"),
        (cells(["a", None], "text"), "classification", "no value in 1 of 2 rows"),
        (cells(["a", "b"], "text"), "regression", "holds text, expected numbers"),
        (cells([3, 3]), "classification", "all labels are the same class, 3"),
    ],
)
def test_what_cannot_be_predicted_is_refused(column, task, error):
    with pytest.raises(ValueError, match=f"^t: column 'y' ?.*{error}"):
        read_target(column, task, "t")
    with pytest.raises(ValueError, match="class 'b' is none of the 2"):
        read_target(cells(["b"], "text"), "classification", "t", ("a", "c"))
