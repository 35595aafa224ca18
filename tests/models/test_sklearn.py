"""Models go to files and other libraries and come back with the same predictions."""

import warnings

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

import fastnet
from fastnet import Model, Network, load_model, save_model
from fastnet.models import (
    from_sklearn,
    load_pytorch,
    save_pytorch,
    to_sklearn,
)
from fastnet.preprocessing import Preprocessing
from fastnet.validation.training import LABELLED

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (40, 6))


def a_model(activation="tanh", loss="cross_entropy", n_out=3, dtype=np.float64, preprocessed=True):
    network, rng = Network([6, 5, 7, n_out], activation, seed=4, dtype=dtype, input_scale=0.5), np.random.default_rng(1)
    for b in network.biases:
        b[:] = rng.normal(size=b.size)
    labels = tuple(f"kind {i}" for i in range(n_out)) if loss in LABELLED else None
    preprocessing = Preprocessing.fit(X, "standardize") if preprocessed else None
    return Model(network, loss, (2, 3), {"accuracy": 0.5}, labels, preprocessing, {"lr": 0.1, "hidden": [5, 7]})


def through_files(suffix):
    def trip(model, folder):
        save_model(folder / f"model{suffix}", model)
        return load_model(folder / f"model{suffix}")

    return trip


def through_pytorch(model, folder):
    save_pytorch(folder / "state.safetensors", model)
    return load_pytorch(folder / "state.safetensors")


TRIPS = {
    "safetensors": through_files(".safetensors"),
    "npz": through_files(".npz"),
    "pytorch": through_pytorch,
    "scikit-learn": lambda model, _folder: from_sklearn(to_sklearn(model)),
}


@pytest.mark.parametrize("n_out", [2, 3])
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "squared_error"])
@pytest.mark.parametrize("trip", TRIPS)
def test_a_round_trip_changes_no_prediction(trip, loss, n_out, tmp_path):
    model = a_model(loss=loss, n_out=n_out)
    again = TRIPS[trip](model, tmp_path)
    exact = trip in ("safetensors", "npz")
    outputs = [one.predict_logits(X, "numpy") for one in (model, again)]
    if exact:
        np.testing.assert_array_equal(*outputs)
        assert (again.labels, again.settings, again.version) == (model.labels, model.settings, model.version)
    if loss == "squared_error":
        np.testing.assert_allclose(*outputs, rtol=1e-9, atol=1e-9)
    else:
        expected, actual = (one.predict_proba(X, "numpy") for one in (model, again))
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)
    if trip != "pytorch":  # which knows no names
        expected, actual = (one.predict(X, "numpy") for one in (model, again))
        np.testing.assert_array_equal(actual, expected) if loss != "squared_error" else None


FITTED = {
    "classes": (MLPClassifier, RNG.choice(["a", "b", "c"], 40)),
    "numbered classes": (MLPClassifier, RNG.integers(0, 4, 40)),
    "two classes": (MLPClassifier, RNG.choice(["no", "yes"], 40)),
    "several labels": (MLPClassifier, RNG.integers(0, 2, (40, 3))),
    "a value": (MLPRegressor, RNG.normal(size=40)),
    "values": (MLPRegressor, RNG.normal(size=(40, 2))),
}


@pytest.mark.parametrize("scaler", [None, StandardScaler(), MinMaxScaler((-1, 2)), StandardScaler(with_mean=False)])
@pytest.mark.parametrize("what", FITTED)
def test_estimators_of_scikit_learn_become_models_and_estimators_again(what, scaler):
    kind, y = FITTED[what]
    theirs = kind(hidden_layer_sizes=(5, 4), activation="logistic", max_iter=5, random_state=0)
    if scaler is not None:
        theirs = make_pipeline(scaler, theirs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing converges in 5 epochs
        theirs.fit(X, y)
    ours = from_sklearn(theirs)
    again = to_sklearn(ours)
    if kind is MLPRegressor:
        np.testing.assert_allclose(ours.predict(X, "numpy"), theirs.predict(X), rtol=1e-9)
        np.testing.assert_allclose(again.predict(X), theirs.predict(X), rtol=1e-9)
    else:
        np.testing.assert_allclose(ours.predict_proba(X, "numpy"), theirs.predict_proba(X), rtol=1e-9)
        np.testing.assert_array_equal(ours.predict(X, "numpy"), theirs.predict(X), strict=what == "classes")
        np.testing.assert_allclose(again.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)
        np.testing.assert_array_equal(again.predict(X), theirs.predict(X))


@pytest.mark.skipif("loss" not in MLPRegressor().get_params(), reason="scikit-learn has it from release 1.7 on")
def test_counts_are_predicted_as_scikit_learn_does():
    theirs = MLPRegressor(loss="poisson", hidden_layer_sizes=(5,), tol=10.0, random_state=0)
    theirs.fit(X, RNG.poisson(3.0, 40))
    ours = from_sklearn(theirs)
    for expected, actual in ((theirs, ours), (theirs, to_sklearn(ours))):
        arguments = (X, "numpy") if isinstance(actual, Model) else (X,)
        np.testing.assert_allclose(actual.predict(*arguments), expected.predict(X), rtol=1e-9)


@pytest.mark.parametrize("loss", ["cross_entropy", "softmax_squared_error"])
@pytest.mark.parametrize("labels", [("zebra", "ant", "cow"), ("yes", "no")])
def test_scikit_learn_keeps_the_order_of_classes(labels, loss):
    model = Model(Network([6, len(labels)], seed=0, dtype=np.float64), loss, labels=labels)
    theirs = to_sklearn(model)
    assert len(set(theirs.predict(X))) > 1
    np.testing.assert_array_equal(theirs.predict(X), model.predict(X, "numpy"))
    np.testing.assert_allclose(theirs.predict_proba(X), model.predict_proba(X, "numpy"), rtol=1e-9)
    assert theirs.score(X, model.predict(X, "numpy")) == 1


@pytest.mark.parametrize(
    ("loss", "y"), [("cross_entropy", [f"kind {i % 3}" for i in range(40)]), ("squared_error", X[:, :3])]
)
def test_scikit_learn_trains_on_from_a_model(loss, y):
    model = a_model(loss=loss)
    theirs = to_sklearn(model).partial_fit(X, y)
    assert np.isfinite(theirs.loss_)
    assert not np.array_equal(theirs.coefs_[0], to_sklearn(model).coefs_[0])


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (MLPClassifier(max_iter=2000, tol=1.0).fit(X, np.zeros(40)), r"was fitted to \[0.\] alone"),
        (make_pipeline(MinMaxScaler(clip=True), MLPRegressor(tol=9.0)).fit(X, X[:, 0]), "must have clip=False"),
        (MLPClassifier(), "estimator must be fitted"),
        (
            fastnet.MLPRegressor(activation="gelu", backend="numpy", tol=9.0).fit(X, X[:, 0]),
            "activations that scikit-learn's have not: gelu, identity",
        ),
        (StandardScaler(), "estimator must be an MLPClassifier or MLPRegressor, got StandardScaler"),
        (make_pipeline(StandardScaler(), StandardScaler(), MLPClassifier()), "may have one scaler"),
        (make_pipeline(MaxAbsScaler(), MLPClassifier()), "must be StandardScaler or MinMaxScaler, got MaxAbsScaler"),
    ],
)
def test_what_is_no_fitted_network_of_scikit_learn_is_named(estimator, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_sklearn(estimator)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (a_model("gelu"), "has one of relu, sigmoid, tanh, identity for all layers, got .'gelu'"),
        (a_model("relu", "huber"), "have no loss huber"),
        (a_model(n_out=1), "two classes apart or more, got one output"),
        (Model(a_model().network, labels=("a", "b", "a")), "classes of different names"),
    ],
)
def test_models_that_scikit_learn_cannot_hold_are_named(model, message):
    with pytest.raises(ValueError, match=f"model: scikit-learn.*{message}"):
        to_sklearn(model)
