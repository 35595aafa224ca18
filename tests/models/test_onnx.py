"""Models as ONNX, by what onnxruntime makes of them."""

import json
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from models.test_sklearn import X, a_model

from fastnet import Model, Network, Trainer
from fastnet.models import export_onnx
from fastnet.preprocessing import Preprocessing
from fastnet.validation.training import ACTIVATIONS, LOSSES


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
            np.testing.assert_array_equal(outputs["labels"], predicted)
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
    export_onnx(tmp_path / "model.onnx", replace(a_model(), feature_names=tuple("abcdef"), label_name="kind"))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    configuration = json.loads(session.get_modelmeta().custom_metadata_map["fastnet"])
    assert configuration["labels"] == ["kind 0", "kind 1", "kind 2"]
    assert (configuration["feature_names"], configuration["label_name"]) == (list("abcdef"), "kind")
    assert session.get_inputs()[0].shape == ["n_samples", 6]
    with pytest.raises(ValueError, match="input_dtype must be one of float32, float64, uint8, got 'int8'"):
        export_onnx(tmp_path / "model.onnx", a_model(), "int8")


def test_onnx_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match="pip install onnx"):
        export_onnx(tmp_path / "model.onnx", a_model())
    assert not list(tmp_path.iterdir())
