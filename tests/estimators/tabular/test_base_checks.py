"""scikit-learn's own checks of estimators, on the estimators of tables."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastnet import TabularMLPClassifier, TabularMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {"hidden_layer_sizes": (16, 16), "n_epochs": 40, "dtype": "float64"}


@parametrize_with_checks(
    [
        TabularMLPClassifier(**SMALL, validation_fraction=0),
        TabularMLPRegressor(**SMALL, validation_fraction=0),
    ]
)
def test_estimators_keep_the_contract(estimator, check):
    check(estimator)
