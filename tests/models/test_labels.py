import numpy as np
import pytest

from fastnet.models.labels import labels_of


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (np.array(["no", "yes"]), ("no", "yes")),
        (np.array(["b", "a"], object), ("b", "a")),
        (np.array(["0", "1"]), ("0", "1")),
        (np.array([0, 1, 999]), (0, 1, 999)),
        (np.array([-1.0, 1.0], np.float32), (-1, 1)),
        (np.array([1]), (1,)),
        (np.arange(4, dtype=np.uint8), None),
        (np.array([0.0, 1.0]), None),
        (np.array([False, True]), None),
    ],
)
def test_names_of_classes_of_every_type(classes, expected):
    actual = labels_of(classes)
    assert actual == expected
    assert actual is None or {type(name) for name in actual} <= {str, int}
