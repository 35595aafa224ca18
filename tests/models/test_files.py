import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from fastnet import Model, Network, load_model, save_model
from fastnet.preprocessing import Preprocessing


def a_model(dtype=np.float32):
    network = Network([6, 5, 3], "tanh", seed=4, dtype=dtype, input_scale=1 / 255)
    return Model(network, "binary_cross_entropy", (2, 3), {"test_accuracy": 0.25})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_comes_back_as_it_was_saved(tmp_path, dtype):
    expected, path = a_model(dtype), tmp_path / "model.safetensors"
    save_model(path, expected)
    actual = load_model(path)
    np.testing.assert_array_equal(actual.network.parameters, expected.network.parameters)
    assert actual.network.dtype == dtype
    for name in ("sizes", "activations", "input_scale"):
        assert getattr(actual.network, name) == getattr(expected.network, name)
    assert (actual.loss, actual.image_shape, actual.metrics) == (expected.loss, (2, 3), expected.metrics)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_network_without_biases_comes_back_without(tmp_path, suffix):
    save_model(tmp_path / f"model{suffix}", Model(Network([6, 3], bias=False, seed=0)))
    assert load_model(tmp_path / f"model{suffix}").network.bias is False


def test_files_of_the_first_format_are_still_read(tmp_path):
    tensors, configuration = tampered(lambda tensors, configuration: None)
    document = {"format": "fastnet-1", "configuration": json.dumps(configuration)}
    save_file(tensors, tmp_path / "model.safetensors", metadata=document)
    actual = load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(actual.network.parameters, a_model().network.parameters)
    assert (actual.labels, actual.preprocessing, actual.settings, actual.version) == (None, None, {}, "")


def test_a_header_as_long_as_a_zip_archives_name_is_no_zip_archive(tmp_path):
    path = tmp_path / "model.safetensors"
    for length in range(0x4B50 - 900, 0x4B50, 8):
        save_model(path, Model(a_model().network, settings={"x": "a" * length}))
        if path.read_bytes()[:2] == b"PK":
            break
    assert path.read_bytes()[:2] == b"PK"
    assert len(load_model(path).settings["x"]) == length


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"network": "net"}, "network must be a Network, got str"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"labels": ("a", "b")}, "labels must be 3 names"),
        ({"labels": "abc"}, "labels must be 3 names"),
        ({"labels": (0, "one", 2)}, "labels must be 3 names, text or numbers, one for each output"),
        ({"labels": (0.5, 1.5, 2.5)}, "labels must be 3 names"),
        ({"labels": (True, False, True)}, "labels must be 3 names"),
        ({"feature_names": tuple("abcde")}, "feature_names must be 6 different names, one for each feature, got 'a', "),
        ({"feature_names": tuple("abcdea")}, "feature_names must be 6 different names"),
        ({"feature_names": tuple(range(6))}, "feature_names must be a sequence of names"),
        ({"feature_names": "abcdef"}, "feature_names must be a sequence of names"),
        ({"label_name": 0}, "label_name must be a name, got int"),
        ({"image_shape": (5, 5)}, "image_shape"),
        ({"image_shape": 6}, "image_shape must be a sequence of integers, got int"),
        ({"preprocessing": Preprocessing([0.0], [1.0])}, "preprocessing is of 1 features, the network has 6"),
    ],
)
def test_a_model_that_could_not_be_loaded_is_not_made(fields, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Model(**{"network": a_model().network, **fields})


def test_parameters_that_are_not_finite_are_not_saved(tmp_path):
    network = a_model().network
    network.weights[1][0, 0] = np.nan
    with pytest.raises(ValueError, match="parameters must be finite"):
        save_model(tmp_path / "model.safetensors", Model(network))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_one_model_makes_one_file(suffix, tmp_path):
    path, contents = tmp_path / f"model{suffix}", set()
    for _ in range(20):
        save_model(path, a_model())
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("old")
    save_model(path, a_model())
    assert load_model(path).network.sizes == (6, 5, 3)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    path.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_model(path, a_model())
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors: no such file"):
        load_model(tmp_path / "gone.safetensors")


def test_a_folder_is_named(tmp_path):
    with pytest.raises(IsADirectoryError, match="a folder, not a model file"):
        load_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"label,a\n1,2\n", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}"])
def test_what_is_no_safetensors_model_is_named(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors: (not a|is an empty file)"):
        load_model(path)


def tampered(change):
    """A saved model's tensors and configuration, after `change` has been at them."""
    model = a_model()
    tensors = {}
    for i, (W, b) in enumerate(zip(model.network.weights, model.network.biases, strict=True)):
        tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"] = W.copy(), b.copy()
    configuration = {
        "sizes": [6, 5, 3], "activations": ["tanh"], "input_scale": 1.0, "loss": "cross_entropy",
        "image_shape": [2, 3], "metrics": {},
    }  # fmt: skip
    change(tensors, configuration)
    return tensors, configuration


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, c: t.pop("layers.0.bias"), "are not those of sizes"),
        (lambda t, c: t.update(extra=np.zeros(1, np.float32)), "are not those of sizes"),
        (lambda t, c: c.update(sizes=[6, 10**12, 3]), "are not those of sizes"),
        (lambda t, c: c.update(sizes="wide"), "sizes"),
        (lambda t, c: c.pop("loss"), "loss"),
        (lambda t, c: c.update(loss="hinge"), "loss must be one of"),
        (lambda t, c: c.update(activations=["maxout"]), "must be one of"),
        (lambda t, c: c.update(image_shape=[3, 3]), "image_shape"),
        (lambda t, c: c.update(image_shape=5), "int"),
        (lambda t, c: c.update(input_scale="big"), "input_scale must be a number"),
        (lambda t, c: c.update(metrics=[1]), "items"),
        (lambda t, c: t["layers.1.bias"].fill(np.nan), "parameters must be finite"),
        (lambda t, c: t.update({"layers.1.bias": np.zeros(3)}), "tensors must share one dtype"),
        (lambda t, c: t.update({"preprocessing.shift": np.zeros(6)}), "needs shift and scale, got one of them"),
        (
            lambda t, c: t.update({k: v.astype(np.int32) for k, v in t.items()}),
            "dtype must be float32 or float64",
        ),
    ],
)
def test_a_tampered_model_is_one_line_of_value_error(tmp_path, change, message):
    path = tmp_path / "model.safetensors"
    tensors, configuration = tampered(change)
    save_file(tensors, path, metadata={"format": "fastnet-1", "configuration": json.dumps(configuration)})
    with pytest.raises(ValueError, match=r"model\.safetensors: damaged fastnet model: .*" + message) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_damaged_files_give_value_errors_or_a_model(tmp_path):
    path, rng = tmp_path / "model.safetensors", np.random.default_rng(0)
    save_model(path, a_model())
    content = path.read_bytes()
    for _ in range(300):
        damaged = bytearray(content)
        if rng.random() < 0.3:
            del damaged[rng.integers(len(damaged)) :]
        else:
            for place in rng.integers(len(damaged), size=rng.integers(1, 4)):
                damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            assert load_model(path).network.sizes == (6, 5, 3)
        except ValueError as error:
            assert str(error).startswith(str(path))  # noqa: PT017, either outcome is right
