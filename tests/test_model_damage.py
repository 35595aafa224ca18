"""Damaged model files: ValueError or the same predictions, and nothing else."""

import io
import os
import zipfile

import numpy as np
import pytest

from fastnet import Model, Network, load_model, save_model
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
