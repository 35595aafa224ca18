"""Models go to files and other libraries and come back with the same predictions."""

import copy
import json
import sys
import warnings

import numpy as np
import onnxruntime
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from fastnet import Model, Network, Trainer, load_model, save_model
from fastnet.models import (
    export_onnx,
    from_pytorch,
    from_sklearn,
    load_pytorch,
    save_pytorch,
    to_pytorch,
    to_sklearn,
)
from fastnet.preprocessing import Preprocessing
from fastnet.reference.training_checks import ACTIVATIONS, LABELLED, LOSSES

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


def onnx_outputs(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"inputs": x}), strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnx_knows_every_activation(activation, dtype, tmp_path):
    model = a_model(activation, dtype=dtype)
    x = np.concatenate([X, 30 * X - 90]).astype(dtype)  # gentle, and far out on both sides
    export_onnx(tmp_path / "model.onnx", model)
    logits = onnx_outputs(tmp_path / "model.onnx", x)["logits"]
    assert logits.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(logits, model.predict_logits(x, "numpy"), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_out", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_onnx_knows_what_every_loss_asks_for(loss, n_out, dtype, tmp_path):
    model = a_model(loss=loss, n_out=n_out, dtype=dtype, preprocessed=n_out > 1)
    export_onnx(tmp_path / "model.onnx", model)
    for x in (X.astype(dtype), X[:1].astype(dtype)):
        outputs = onnx_outputs(tmp_path / "model.onnx", x)
        predicted = Trainer(model.network, loss=loss, backend="numpy").predict(model.prepare(x))
        if "probabilities" in outputs:
            proba = model.predict_proba(x, "numpy")
            np.testing.assert_allclose(outputs["probabilities"], proba, rtol=1e-5, atol=1e-5)
            np.testing.assert_array_equal(outputs["labels"].reshape(predicted.shape), predicted)
        else:
            np.testing.assert_allclose(outputs["predictions"].reshape(predicted.shape), predicted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("preprocessed", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("input_dtype", ["float32", "float64", "uint8"])
def test_onnx_takes_inputs_of_other_types(input_dtype, dtype, preprocessed, tmp_path):
    x = np.random.default_rng(2).integers(0, 256, (20, 6)).astype(input_dtype)
    network = Network([6, 5, 3], "relu", seed=0, dtype=dtype, input_scale=1 / 255)
    model = Model(network, preprocessing=Preprocessing.fit(x, "standardize") if preprocessed else None)
    export_onnx(tmp_path / "model.onnx", model, input_dtype)
    actual = onnx_outputs(tmp_path / "model.onnx", x)["logits"]
    np.testing.assert_allclose(actual, model.predict_logits(x, "numpy"), rtol=1e-5, atol=1e-6)


def test_onnx_files_say_what_they_hold(tmp_path):
    export_onnx(tmp_path / "model.onnx", a_model())
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    configuration = json.loads(session.get_modelmeta().custom_metadata_map["fastnet"])
    assert configuration["labels"] == ["kind 0", "kind 1", "kind 2"]
    assert session.get_inputs()[0].shape == ["n_samples", 6]
    with pytest.raises(ValueError, match="input_dtype must be one of float32, float64, uint8, got 'int8'"):
        export_onnx(tmp_path / "model.onnx", a_model(), "int8")


def test_onnx_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"fastnet\[onnx\]"):
        export_onnx(tmp_path / "model.onnx", a_model())
    assert not list(tmp_path.iterdir())


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
        (a_model("gelu"), "has one of sigmoid, relu, tanh, identity for all layers, got .'gelu'"),
        (a_model("relu", "huber"), "have no loss huber"),
        (a_model(n_out=1), "two classes apart or more, got one output"),
        (Model(a_model().network, labels=("a", "b", "a")), "classes of different names"),
    ],
)
def test_models_that_scikit_learn_cannot_hold_are_named(model, message):
    with pytest.raises(ValueError, match=f"model: scikit-learn.*{message}"):
        to_sklearn(model)


def test_pytorch_gives_the_same_outputs(tmp_path):
    torch = pytest.importorskip("torch")
    names = ["ReLU", "Sigmoid", "Tanh", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Softplus", "Identity"]
    sizes = [6, *range(12, 2, -1), 2]
    torch.manual_seed(0)
    layers = [
        module
        for n_in, n_out, name in zip(sizes, sizes[1:], names, strict=False)
        for module in (
            torch.nn.Linear(n_in, n_out),
            getattr(torch.nn, name)(**({"approximate": "tanh"} if name == "GELU" else {})),
        )
    ]
    theirs = torch.nn.Sequential(*layers, torch.nn.Linear(3, 2)).double()
    ours = from_pytorch(theirs)
    expected = theirs(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(ours.predict_logits(X, "numpy"), expected, rtol=1e-9, atol=1e-12)
    theirs.load_state_dict({name: torch.tensor(array) for name, array in to_pytorch(ours).items()})
    np.testing.assert_allclose(theirs(torch.tensor(X)).detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ("Linear(2, 3), GELU(), Linear(3, 2)", "GELU must have approximate='tanh'"),
        ("Linear(2, 3), LeakyReLU(0.2), Linear(3, 2)", r"LeakyReLU must have negative_slope=0\.01, got 0\.2"),
        ("Linear(2, 3), Hardtanh(), Linear(3, 2)", "one known activation between, got Linear, Hardtanh, Linear"),
        ("ReLU(), Linear(2, 3), Linear(3, 2)", "one known activation between, got ReLU, Linear, Linear"),
        ("Linear(2, 3), ReLU(), ReLU(), Linear(3, 3), Linear(3, 2)", "one known activation between"),
        ("Linear(2, 3), ReLU()", "one known activation between, got Linear, ReLU"),
        ("", "one known activation between"),
    ],
)
def test_modules_of_pytorch_that_are_no_network_of_ours_are_named(modules, message):
    torch = pytest.importorskip("torch")
    made = eval(f"[{modules}]", vars(torch.nn))
    with pytest.raises(ValueError, match=message):
        from_pytorch(torch.nn.Sequential(*made))


def test_tensors_of_pytorch_are_read_with_gradients_and_in_half_precision():
    torch = pytest.importorskip("torch")
    layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 3), torch.nn.Dropout(0.5))
    expected = layers.eval()(torch.tensor(X, dtype=torch.float32)).detach().numpy()
    for state, tolerance in (
        (layers, 1e-6),
        (dict(layers.named_parameters()), 1e-6),
        (copy.deepcopy(layers).bfloat16(), 0.1),
    ):
        ours = from_pytorch(state)
        assert ours.network.dtype == np.float32
        np.testing.assert_allclose(ours.predict_logits(X, "numpy"), expected, rtol=tolerance, atol=tolerance)
    with pytest.raises(TypeError, match="state must be a state dict or a Sequential, got Linear"):
        from_pytorch(torch.nn.Linear(6, 3))


def test_layers_without_biases_stay_so():
    state = {"net.0.weight": np.ones((3, 6)), "net.1.weight": np.ones((2, 3))}
    assert from_pytorch(state).network.bias is False


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([1], "state must be a state dict or a Sequential, got list"),
        ({"weight": np.ones((2, 2))}, "'weight' is no weight or bias of a numbered layer"),
        ({"a.0.weight": np.ones((2, 2)), "b.0.weight": np.ones((2, 2))}, "layers of one Sequential, got 2"),
        ({"0.weight": np.ones((2, 2)), "2.weight": np.ones((2, 3))}, "linear layers one after the other"),
        ({"0.weight": np.ones((2, 2, 2))}, "linear layers one after the other"),
        ({"0.bias": np.ones(2)}, "linear layers one after the other"),
        ({"0.weight": np.ones((2, 2)), "0.bias": np.ones(2), "1.weight": np.ones((2, 2))}, "a bias for every layer"),
        ({"0.weight": np.ones((2, 2)), "0.bias": np.ones(3)}, r"bias of shape \(3,\), expected \(2,\)"),
        ({"0.weight": np.full((2, 2), np.nan)}, "finite numbers"),
        ({"0.weight": np.ones((2, 2), complex)}, r"state: 0\.weight must be real numbers, got complex128"),
        ({"0.weight": np.full((2, 2), "1")}, r"state: 0\.weight must be real numbers"),
        ({}, "layers of one Sequential, got 0"),
    ],
)
def test_what_is_no_stack_of_layers_is_named(state, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_pytorch(state)
