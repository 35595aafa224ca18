import json

import numpy as np
import pytest
from data_frames import FRAMES
from safetensors import safe_open

from fastnet import Model, Network, load_model, save_model
from fastnet.models import from_sklearn, to_sklearn
from fastnet.preprocessing import Preprocessing

X = np.array([[1.0, 20.0], [2.0, 10.0], [5.0, 40.0]])


def a_model(loss="squared_error", **fields):
    network = Network([2, 1], seed=0, dtype=np.float64)
    network.weights[0][:] = [[1], [-10]]
    return Model(network, loss, **{"feature_names": ("a", "b"), "label_name": "kind", **fields})


@pytest.mark.parametrize("preprocessed", [False, True])
@pytest.mark.parametrize("frame", FRAMES)
def test_a_model_finds_the_columns_of_a_frame_by_name(frame, preprocessed):
    model = a_model(preprocessing=Preprocessing.fit(X, "minmax") if preprocessed else None)
    expected = model.predict(X)
    a, b = X.T
    for values in (frame({"a": a, "b": b}), frame({"b": b, "a": a}), frame({"kind": ["x", "y", "z"], "b": b, "a": a})):
        np.testing.assert_array_equal(model.predict(values), expected)
        np.testing.assert_array_equal(model.predict_logits(values)[:, 0], expected)
        np.testing.assert_array_equal(a_model("binary_cross_entropy").predict_proba(values) < 0.5, [[True]] * 3)
    with pytest.raises(ValueError, match="X: missing column 'a' and unknown columns 'c', 'd'; expected 'a', 'b'"):
        model.predict(frame({"b": b, "c": a, "d": a}))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("labels", [("no", "yes"), (-1, 1), ("0", "1"), None])
def test_names_survive_in_files(tmp_path, suffix, labels):
    path = tmp_path / f"model{suffix}"
    expected = a_model("binary_cross_entropy", labels=labels)
    save_model(path, expected)
    actual = load_model(path)
    for name in ("labels", "feature_names", "label_name", "n_classes"):
        assert getattr(actual, name) == getattr(expected, name)
    np.testing.assert_array_equal(actual.predict(X), expected.predict(X), strict=True)


def test_names_stand_in_the_metadata_of_safetensors(tmp_path):
    save_model(tmp_path / "m.safetensors", a_model())
    with safe_open(tmp_path / "m.safetensors", "numpy") as file:
        configuration = json.loads(file.metadata()["configuration"])
    assert (configuration["feature_names"], configuration["label_name"]) == (["a", "b"], "kind")


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("labels", [("no", "yes"), (3, 7), None])
def test_two_classes_of_one_output_go_to_scikit_learn_by_name(labels):
    model = a_model("binary_cross_entropy", labels=labels)
    model.network.biases[0][:] = 150
    expected = model.predict(X)
    assert len(set(expected.tolist())) == 2
    theirs = to_sklearn(model)
    np.testing.assert_array_equal(theirs.predict(X), expected)
    assert theirs.feature_names_in_.tolist() == ["a", "b"]
    back = from_sklearn(theirs)
    np.testing.assert_array_equal(back.predict(X), expected)
    assert back.feature_names == ("a", "b")
    np.testing.assert_allclose(back.predict_proba(X)[:, 1], model.predict_proba(X)[:, 0], rtol=1e-12)


def test_labels_of_several_independent_outputs_are_no_classes():
    model = Model(Network([2, 3], seed=0), "binary_cross_entropy", labels=("red", "round", "sweet"))
    assert model.n_classes is None
    assert model.predict(X).shape == (3, 3)
    assert set(model.predict(X).ravel().tolist()) <= {0, 1}
