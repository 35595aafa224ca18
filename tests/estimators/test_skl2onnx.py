"""The estimators as ONNX by skl2onnx, beside scikit-learn's own, by what onnxruntime makes of them."""

import sys

import numpy as np
import onnxruntime
import pytest
import sklearn.neural_network
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnet import MLPClassifier, MLPRegressor
from fastnet.estimators import register_skl2onnx
from fastnet.models.onnx_layers import GELU_OPSET
from fastnet.validation.activations import ACTIVATIONS, SKLEARN

skl2onnx = pytest.importorskip("skl2onnx")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
NUMBERS = np.arange(60)
SETTINGS = {"hidden_layer_sizes": (5, 4), "max_iter": 20, "random_state": 0, "backend": "numpy"}

LABELS = {
    "two classes": NUMBERS % 2,
    "three classes": NUMBERS % 3,
    "classes with gaps": np.array([-7, 3, 999])[NUMBERS % 3],
    "classes of eight bits": (NUMBERS % 3).astype(np.uint8),
    "names": np.array(["ant", "bee", "cæt"])[NUMBERS % 3],
    "two names": np.array(["no", "yes"])[NUMBERS % 2],
    "names as objects": np.array(["ant", "bee", "cow"], object)[NUMBERS % 3],
    "truth": NUMBERS % 2 == 0,
    "several labels": (np.add.outer(NUMBERS, np.arange(3)) * 7 % 5 > 2).astype(int),
}


@pytest.fixture(autouse=True)
def registered():
    register_skl2onnx()
    register_skl2onnx()


def session_of(model, dtype=np.float32, **options):
    graph = skl2onnx.to_onnx(model, X[:1].astype(dtype), **options)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # skl2onnx tells a wrong shape of several labels, of scikit-learn's too
    return onnxruntime.InferenceSession(graph.SerializeToString(), settings, providers=["CPUExecutionProvider"])


def outputs_of(model, x=X, dtype=np.float32, **options):
    return session_of(model, dtype, **options).run(None, {"X": x.astype(dtype)})


def theirs_of(ours):
    """Return scikit-learn's estimator with the settings of ours that it knows."""
    kind = getattr(sklearn.neural_network, type(ours).__name__)
    known = kind().get_params()
    return kind(**{name: value for name, value in ours.get_params().items() if name in known})


def tolerance(dtype):
    return 2e-5 if dtype == np.float32 else 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("what", LABELS)
def test_labels_and_probabilities_are_those_of_the_classifier(what, dtype):
    model = MLPClassifier(**SETTINGS).fit(X, LABELS[what])
    options = {"zipmap": False}
    labels, probabilities = outputs_of(model, dtype=dtype, options=options)
    np.testing.assert_array_equal(labels, model.predict(X))
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=tolerance(dtype))


@pytest.mark.parametrize("zipmap", [True, False, "columns"])
@pytest.mark.parametrize("what", LABELS)
def test_outputs_are_called_and_typed_as_those_of_scikit_learn(what, zipmap):
    ours = MLPClassifier(**SETTINGS)
    knows_names = LABELS[what].dtype not in (np.uint8, np.bool_)  # skl2onnx, of classes in a graph
    options = {"zipmap": zipmap, "nocl": False, "output_class_labels": not zipmap and knows_names}
    sessions = [session_of(model.fit(X, LABELS[what]), options=options) for model in (ours, theirs_of(ours))]
    names, types = ([[getattr(one, of) for one in s.get_outputs()] for s in sessions] for of in ("name", "type"))
    assert names[0] == names[1]
    assert types[0] == types[1]
    answers = [session.run(None, {"X": X[:5].astype(np.float32)}) for session in sessions]
    if zipmap is True and what != "several labels":
        for ours_of, theirs in zip(answers[0][1], answers[1][1], strict=True):
            assert ours_of == pytest.approx(theirs, abs=1e-4)
    else:
        for actual, expected in zip(*answers, strict=True):
            if np.asarray(actual).dtype.kind == "f":
                np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_classes_may_be_left_out_of_the_graph():
    model = MLPClassifier(**SETTINGS).fit(X, LABELS["names"])
    numbers, _ = outputs_of(model, options={"zipmap": False, "nocl": True})
    np.testing.assert_array_equal(model.classes_[numbers], model.predict(X))


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_single_class_is_the_label_of_all(zipmap):
    model = MLPClassifier(**SETTINGS).fit(X, np.full(60, 4))
    labels, probabilities = outputs_of(model, options={"zipmap": zipmap})
    assert (labels == 4).all()
    expected = model.predict_proba(X)[:, 0]
    given = [one[4] for one in probabilities] if zipmap else probabilities[:, 0]
    np.testing.assert_allclose(given, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", [*sorted({*ACTIVATIONS, *SKLEARN} - {"sigmoid"}), ["mish", "logistic"]], ids=str)
def test_every_activation_is_converted(activation, dtype):
    model = MLPRegressor(activation=activation, **SETTINGS).fit(X, 3 * X[:, :2])
    far = np.concatenate([X, 30 * X])
    (predicted,) = outputs_of(model, far, dtype)
    expected = model.predict(far)
    np.testing.assert_allclose(predicted, expected, rtol=10 * tolerance(dtype), atol=10 * tolerance(dtype))


@pytest.mark.parametrize("opset", [12, GELU_OPSET - 1, GELU_OPSET])
@pytest.mark.parametrize("activation", ["gelu", "mish", "selu", "relu"])
def test_older_operators_do(activation, opset):
    model = MLPRegressor(activation=activation, **SETTINGS).fit(X, X[:, 0])
    (predicted,) = outputs_of(model, target_opset={"": opset, "ai.onnx.ml": 1})
    np.testing.assert_allclose(predicted[:, 0], model.predict(X), atol=1e-4)


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "huber"])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_predictions_are_those_of_the_regressor(loss, n_outputs):
    y = np.exp(X[:, :n_outputs]) if n_outputs > 1 else np.exp(X[:, 0])
    model = MLPRegressor(loss=loss, **SETTINGS).fit(X, y)
    session = session_of(model)
    assert session.get_outputs()[0].shape == [None, n_outputs]
    (predicted,) = session.run(None, {"X": X.astype(np.float32)})
    np.testing.assert_allclose(predicted, model.predict(X).reshape(60, n_outputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_inputs_may_be_of_other_types(estimator, dtype):
    x = (4 * X).astype(dtype)
    model = estimator(**SETTINGS).fit(x.astype(float), LABELS["three classes"])
    options = {"options": {"zipmap": False}} if estimator is MLPClassifier else {}
    np.testing.assert_allclose(
        outputs_of(model, x, dtype, **options)[0].ravel(), model.predict(x.astype(float)), atol=1e-4
    )


COMPANY = {
    "pipeline": lambda model: make_pipeline(StandardScaler(), model),
    "search": lambda model: GridSearchCV(make_pipeline(StandardScaler(), model), {"mlpclassifier__alpha": [0.1]}, cv=2),
    "voting": lambda model: VotingClassifier(
        [("a", model), ("b", LogisticRegression())], voting="soft", flatten_transform=False
    ),
    "stacking": lambda model: StackingClassifier([("a", model)], cv=2),
    "bagging": lambda model: BaggingClassifier(model, n_estimators=2, random_state=0),
    "one against the rest": OneVsRestClassifier,
}


@pytest.mark.parametrize("company", COMPANY)
def test_company_is_converted_with_the_network_in_it(company):
    model = COMPANY[company](MLPClassifier(**SETTINGS)).fit(X, LABELS["three classes"])
    labels, probabilities = outputs_of(model, options={id(model): {"zipmap": False}})
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-4)


def test_a_regressor_for_each_output_is_converted():
    model = MultiOutputRegressor(MLPRegressor(**SETTINGS)).fit(X, X[:, :3])
    np.testing.assert_allclose(outputs_of(model)[0], model.predict(X), atol=1e-4)


def test_classes_that_are_no_labels_are_named():
    model = MLPClassifier(**SETTINGS).fit(X, np.array(["0.5", "1.5"])[NUMBERS % 2])
    model.classes_ = np.array([0.5, 1.5])
    with pytest.raises(ValueError, match=r"classes must be integers or text for skl2onnx, got \[0.5 1.5\]"):
        outputs_of(model, options={"zipmap": False})


def test_what_is_needed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install skl2onnx"):
        register_skl2onnx()
