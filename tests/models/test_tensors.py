"""Files of other tools, offered as models: half precision is read, what cannot be read is called by its name."""

import json
import pickle
import zipfile

import numpy as np
import pytest

from fastnet import Model, Network, load_model, save_model
from fastnet.cli import main
from fastnet.models import from_pytorch, load_pytorch, save_pytorch
from fastnet.validation.contents import foreign_kind

STATE = {"0.weight": [[1.0, -2.0], [0.5, 3.0], [0.0, 1.5]], "0.bias": [0.25, -1.0, 2.0]}
STATE |= {"2.weight": [[1.0, 2.0, -0.125]], "2.bias": [4.0]}
BITS = {"F64": np.float64, "F32": np.float32, "F16": np.float16}


def safetensors(tensors, dtype, metadata=None):
    """Return a file as safetensors of PyTorch writes it; its format is a header in JSON and the numbers."""
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, values in tensors.items():
        array = np.array(values, np.float64)
        if dtype == "BF16":
            raw = (array.astype(np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
        else:
            raw = array.astype(BITS.get(dtype, np.uint8)).tobytes()
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F32", "F64"])
@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_state_dicts_of_any_precision(tmp_path, dtype, metadata):
    (tmp_path / "s.safetensors").write_bytes(safetensors(STATE, dtype, metadata))
    model = load_pytorch(tmp_path / "s.safetensors", loss="squared_error")
    assert model.network.dtype == (np.float64 if dtype == "F64" else np.float32)
    expected = from_pytorch({name: np.array(values) for name, values in STATE.items()})
    np.testing.assert_array_equal(model.network.parameters, expected.network.parameters)


def test_every_bfloat16_is_the_float32_of_its_bits(tmp_path):
    bits = np.arange(1 << 16, dtype=np.uint32) << 16
    values = bits.view(np.float32)
    finite = values[np.isfinite(values)]
    (tmp_path / "s.safetensors").write_bytes(safetensors({"0.weight": finite[None], "0.bias": [0]}, "BF16"))
    model = load_pytorch(tmp_path / "s.safetensors", loss="squared_error")
    np.testing.assert_array_equal(model.network.weights[0][:, 0].view(np.uint32), finite.view(np.uint32))


def test_other_precisions_are_named(tmp_path):
    (tmp_path / "s.safetensors").write_bytes(safetensors({"0.weight": [[1.0]], "0.bias": [1.0]}, "F8_E4M3"))
    with pytest.raises(ValueError, match=r"0\.(weight|bias) is of type F8_E4M3"):
        load_pytorch(tmp_path / "s.safetensors")


def a_file_of_torch(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state/data.pkl", pickle.dumps({"0.weight": 1}, 2))
        archive.writestr("state/data/0", b"\0" * 8)


FILES = {
    "zip.pt": (a_file_of_torch, "torch.save, a pickle, which is never loaded"),
    "old.pt": (lambda path: path.write_bytes(pickle.dumps(STATE, 2)), "a pickle, which is never loaded"),
    "model.pkl": (lambda path: path.write_bytes(pickle.dumps(STATE)), "a pickle, which is never loaded"),
    "page": (lambda path: path.write_text("\n<!DOCTYPE html>\n<html>Sign in</html>"), "an HTML page"),
    "error": (lambda path: path.write_text('<?xml version="1.0"?><Error/>'), "an XML document"),
    "empty": (lambda path: path.touch(), "an empty file"),
    "pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS"),
    "keras.h5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90)), "an HDF5 file"),
    "picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(90)), "a PNG picture"),
    "cut": (lambda path: path.write_bytes(safetensors(STATE, "F32")[:-3]), "it is truncated: 49 bytes of tensors"),
    "short": (lambda path: path.write_bytes(safetensors(STATE, "F32")[:40]), "it is truncated: a header of"),
    "csv": (lambda path: path.write_text("label,a,b\n0,1,2\n"), "not a readable safetensors file"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_model_is_called_by_its_name(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    write, words = FILES[name]
    write(tmp_path / name)
    for read in (load_model, load_pytorch):
        with pytest.raises(ValueError, match=words) as error:
            read(name)
        assert str(error.value).startswith(f"{name}: ")
        assert "\n" not in str(error.value)
    for line in (f"import {name} out.safetensors --from pytorch", f"import {name} out.safetensors", f"info {name}"):
        assert main(line.split()) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


def test_own_files_are_not_foreign(tmp_path):
    model = Model(Network([2, 2], seed=0))
    for name in ("m.safetensors", "m.npz"):
        save_model(tmp_path / name, model)
        assert foreign_kind((tmp_path / name).read_bytes()[:512]) is None
        assert load_model(tmp_path / name).network.sizes == model.network.sizes
    save_pytorch(tmp_path / "s.safetensors", model)
    assert foreign_kind((tmp_path / "s.safetensors").read_bytes()[:512]) is None
