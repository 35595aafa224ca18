"""Classes of estimators, and the models that they become."""

import warnings

import numpy as np
import pytest

from fastnet import MLPClassifier, MLPRegressor, Predictor, load_model, save_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
CLASSES = {
    "two names": (np.where(X[:, 0] > 0, "yes", "no"), ("no", "yes")),
    "two objects": (np.where(X[:, 0] > 0, "yes", "no").astype(object), ("no", "yes")),
    "two numbers": (np.where(X[:, 0] > 0, 1, -1), (-1, 1)),
    "two floats": (np.where(X[:, 0] > 0, 5.0, 2.0), (2, 5)),
    "truths": (X[:, 0] > 0, None),
    "0 and 1": (np.where(X[:, 0] > 0, 1, 0), None),
    "gaps": (np.array([0, 1, 999])[np.arange(60) % 3], (0, 1, 999)),
    "three names": (np.array(["b", "a", "c"])[np.arange(60) % 3], ("a", "b", "c")),
    "digits as text": (np.array(["7", "0", "1"])[np.arange(60) % 3], ("0", "1", "7")),
    "a single class": (np.full(60, "all"), ("all",)),
    "indicators": (np.column_stack([X[:, 0] > 0, X[:, 1] > 1, X[:, 2] > -1]).astype(int), None),
}


def fitted(estimator, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing converges in so few epochs
        return estimator.fit(*data)


@pytest.mark.parametrize("what", CLASSES)
def test_a_model_predicts_the_classes_of_its_estimator(tmp_path, what):
    y, labels = CLASSES[what]
    estimator = fitted(MLPClassifier((5,), max_iter=30, learning_rate_init=0.02, random_state=0), X, y)
    expected, model = estimator.predict(X), estimator.to_model()
    save_model(tmp_path / "model.safetensors", model)
    again = load_model(tmp_path / "model.safetensors")
    assert model.labels == again.labels == labels
    for one in (model, again):
        np.testing.assert_array_equal(one.predict(X), expected)
    predictor = Predictor(again)
    np.testing.assert_array_equal([predictor(x) for x in X], expected)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "huber", "absolute_error"])
def test_a_model_predicts_the_values_of_its_estimator(loss, n_outputs):
    y = np.abs(X[:, :n_outputs] if n_outputs > 1 else X[:, 0])
    estimator = fitted(MLPRegressor(loss, (5,), max_iter=5, random_state=0), X, y)
    expected, model = estimator.predict(X), estimator.to_model()
    predictor = Predictor(model)
    np.testing.assert_array_equal(model.predict(X), expected)
    np.testing.assert_array_equal([predictor(x) for x in X], expected)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_model_keeps_the_names_of_features(kind):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    estimator = fitted(kind(hidden_layer_sizes=(4,), max_iter=3, random_state=0), frame, CLASSES["0 and 1"][0])
    model = estimator.to_model()
    assert model.feature_names == ("a", "b", "c")
    np.testing.assert_array_equal(model.predict(frame[["c", "a", "b"]]), estimator.predict(frame))
    assert fitted(kind(hidden_layer_sizes=(4,), max_iter=3), X, CLASSES["0 and 1"][0]).to_model().feature_names is None
