"""Errors of predicted numbers, held against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from fastnet.inspection.values import permutation_importance, value_metrics


def test_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, predicted = rng.normal(size=(2, 50))
    expected = (
        metrics.root_mean_squared_error(y, predicted), metrics.mean_absolute_error(y, predicted),
        metrics.r2_score(y, predicted),
    )  # fmt: skip
    np.testing.assert_allclose(value_metrics(y, predicted), expected, rtol=1e-12)
    assert value_metrics([2.0, 2.0], [2.0, 1.0]).r2 is None
    for wrong in ([], [[1.0]], [1.0, 2.0]):
        with pytest.raises(ValueError, match="y and predicted"):
            value_metrics([1.0], wrong)


def test_columns_that_nothing_depends_on_have_no_importance():
    X = np.random.default_rng(0).normal(size=(100, 4))
    groups = {"idle": [0], "both": [1, 2], "some": [3], "none": []}

    def closeness(inputs):
        return -value_metrics(X @ [0, 2, 2, 1], inputs @ [0, 2, 2, 1]).rmse

    found = permutation_importance(closeness, X, groups)
    assert list(found) == ["both", "some", "idle", "none"]
    assert (found["idle"], found["none"]) == (0.0, 0.0)
    assert found == permutation_importance(closeness, X, groups)
