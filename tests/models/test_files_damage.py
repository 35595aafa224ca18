"""Damaged model files: ValueError or the same predictions, and nothing else."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from fastnet import Model, Network, load_model, save_model
from fastnet.models.document import digest, to_document
from fastnet.preprocessing import Preprocessing

VARIANTS = int(os.environ.get("FASTNET_DAMAGED_FILES", "300"))
"""How many to try of each kind; ten thousand take half a minute."""

X = np.random.default_rng(0).normal(size=(5, 6))


def a_model():
    network = Network([6, 5, 3], "tanh", seed=4)
    preprocessing = Preprocessing.fit(X, "standardize")
    return Model(network, image_shape=(2, 3), labels=("a", "b", "c"), preprocessing=preprocessing, settings={"lr": 1})


def damage(content, rng):
    """Change some bytes, cut, repeat or exchange pieces, or make a number in the text another one."""
    data = bytearray(content)
    way = rng.integers(7)
    a, b = sorted(rng.integers(0, len(data) + 1, 2))
    if way == 0:
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    elif way == 1:
        for _ in range(rng.integers(1, 30)):
            data[rng.integers(len(data))] = rng.integers(256)
    elif way == 2:
        data = data[:a]
    elif way == 3:
        del data[a:b]
    elif way == 4:
        data[a:a] = data[a:b]
    elif way == 5:
        where = [i for i, byte in enumerate(data) if chr(byte).isdigit()]
        data[where[rng.integers(len(where))]] = ord("0") + rng.integers(10)
    else:
        start = rng.integers(0, max(len(data) - 8, 1))  # a length or an offset, in eight bytes
        data[start : start + 8] = int(rng.integers(0, 1 << 62)).to_bytes(8, "little")
    return bytes(data)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_damaged_files_are_refused_or_harmless(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    save_model(path, a_model())
    content, expected = path.read_bytes(), a_model().predict_logits(X, "numpy")
    rng, harmless = np.random.default_rng(1), 0
    for _ in range(VARIANTS):
        path.write_bytes(damage(content, rng))
        reason = None
        try:
            model = load_model(path)
        except ValueError as error:
            reason = str(error)
        if reason is None:
            harmless += 1
            np.testing.assert_array_equal(model.predict_logits(X, "numpy"), expected)
        else:
            assert reason.startswith(f"{path}: ")
            assert "\n" not in reason
    assert harmless < VARIANTS / 2


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_one_wrong_bit_of_a_weight_is_found(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    save_model(path, a_model())
    content = bytearray(path.read_bytes())
    at = content.find(a_model().network.weights[1].tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"digest|CRC"):
        load_model(path)


def test_an_archive_that_grows_when_read_is_refused(tmp_path):
    path = tmp_path / "model.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("layers.0.weight.npy", b"\0" * 10_000_000)
    with pytest.raises(ValueError, match="larger than it is"):
        load_model(path)
    np.savez_compressed(path, metadata=np.random.default_rng(0).bytes(100))
    with pytest.raises(ValueError, match="not a readable npz file"):
        load_model(path)


def test_a_model_behind_a_piece_of_another_is_refused(tmp_path):
    for name, model in (("a", a_model()), ("b", Model(Network([6, 3], seed=0)))):
        save_model(tmp_path / f"{name}.npz", model)
    first, second = ((tmp_path / f"{name}.npz").read_bytes() for name in "ab")
    (tmp_path / "a.npz").write_bytes(first[: len(first) // 2] + second)
    with pytest.raises(ValueError, match="something stands before its members"):
        load_model(tmp_path / "a.npz")


def test_an_array_that_claims_more_than_there_is_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 60,)})
    with zipfile.ZipFile(tmp_path / "model.npz", "w") as archive:
        archive.writestr("layers.0.weight.npy", header.getvalue() + b"\0" * 64)
    with pytest.raises(ValueError, match="is not what 64 bytes hold"):
        load_model(tmp_path / "model.npz")


def test_pickled_objects_are_never_read(tmp_path):
    np.savez(tmp_path / "model.npz", layers=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="not a readable npz file"):
        load_model(tmp_path / "model.npz")


ODD_VALUES = (
    None,
    True,
    -1,
    0,
    2**60,
    10**400,
    1e300,
    float("nan"),
    "",
    "x",
    [],
    [[]],
    [None],
    {},
    {"a": None},
    [2**60],
)


def places(value, path=()):
    """Yield the path of every value in a document."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def replaced(document, path, value):
    """Return the document with another value at a path."""
    if not path:
        return value
    parts = dict(document) if isinstance(document, dict) else list(document)
    parts[path[0]] = replaced(document[path[0]], path[1:], value)
    return parts


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_configuration_that_was_written_to_harm_is_refused_or_a_model(suffix, tmp_path):
    path, n_refused = tmp_path / f"model{suffix}", 0
    tensors, metadata = to_document(a_model())
    configuration = json.loads(metadata["configuration"])
    variants = [(place, value) for place in places(configuration) for value in ODD_VALUES]
    for place, value in variants:
        text = json.dumps(replaced(configuration, place, value))
        changed = {**metadata, "configuration": text, "sha256": digest(tensors, text)}
        if suffix == ".npz":
            np.savez(path, **{**tensors, "metadata.json": np.array(json.dumps(changed))})
        else:
            save_file(tensors, path, changed)
        try:
            save_model(tmp_path / "again.npz", load_model(path))
        except ValueError as error:
            n_refused += 1
            assert str(error).startswith(f"{path}: damaged fastnet model: ")  # noqa: PT017, either outcome is right
    assert len(variants) / 2 < n_refused < len(variants)


@pytest.mark.parametrize("value", ["null", "[]", "5", '{"format": null}', '{"format": "fastnet-2"}', "{}"])
def test_metadata_of_another_kind_is_refused(value, tmp_path):
    header = f'{{"__metadata__": {value}}}'.encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    np.savez(tmp_path / "model.npz", **{"metadata.json": np.array(value)})
    for suffix in (".safetensors", ".npz"):
        with pytest.raises(ValueError, match=r"not a readable|not a fastnet model|damaged fastnet model"):
            load_model(tmp_path / f"model{suffix}")


def test_an_older_format_in_the_header_does_not_hide_a_wrong_digest(tmp_path):
    tensors, metadata = to_document(a_model())
    tensors["layers.0.bias"] = tensors["layers.0.bias"] + 1
    save_file(tensors, tmp_path / "model.safetensors", {**metadata, "format": "fastnet-1"})
    with pytest.raises(ValueError, match="digest"):
        load_model(tmp_path / "model.safetensors")


def test_an_error_does_not_repeat_all_that_a_file_holds(tmp_path):
    tensors, metadata = to_document(a_model())
    text = json.dumps({**json.loads(metadata["configuration"]), "sizes": [1] * 100_000})
    save_file(
        tensors, tmp_path / "model.safetensors", {**metadata, "configuration": text, "sha256": digest(tensors, text)}
    )
    with pytest.raises(ValueError, match=r"\.\.\.$") as caught:
        load_model(tmp_path / "model.safetensors")
    assert len(str(caught.value)) < 1000
