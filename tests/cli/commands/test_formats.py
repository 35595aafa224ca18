"""`fastnet export`, `fastnet import` and `fastnet info MODEL`."""

import json

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import save_file

from fastnet import Model, Network, load_model, save_model
from fastnet.cli import main
from fastnet.cli.commands import formats
from fastnet.models.onnx import INPUTS
from fastnet.preprocessing import Preprocessing
from fastnet.validation.training import LOSSES

SETTINGS = {"lr": 0.5, "drop": [0, 0.5]}
X = np.random.default_rng(0).normal(size=(5, 4))


@pytest.fixture
def model(tmp_path):
    network = Network([4, 3, 2], "tanh", seed=1)
    save_model(tmp_path / "model.safetensors", Model(network, labels=("no", "yes"), settings=SETTINGS))
    return tmp_path / "model.safetensors"


def test_a_model_goes_through_every_format(model, tmp_path, capsys):
    expected = load_model(model).predict_logits(X, "numpy")
    names = ("m.npz", "s.safetensors", "b.safetensors", "m.onnx", "c.safetensors")
    npz, state, back, onnx, copy = (tmp_path / name for name in names)
    assert main(["export", str(model), str(npz)]) == 0
    assert main(["export", str(npz), str(onnx)]) == 0
    assert main(["export", str(npz), str(state), "--to", "pytorch"]) == 0
    assert main(["import", str(state), str(back), "--from", "pytorch"]) == 0
    assert main(["import", str(npz), str(copy)]) == 0
    shown = capsys.readouterr().out
    assert f"{onnx}: 4-3-2 tanh float32, written as ONNX" in shown
    assert main(["export", str(npz), str(onnx), "--input-dtype", "uint8"]) == 0
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(uint8)"
    for path in (npz, back, copy):
        np.testing.assert_allclose(load_model(path).predict_logits(X, "numpy"), expected, rtol=1e-6)


def test_the_loss_of_a_state_dict_is_taken_from_the_command_line(tmp_path):
    save_file({"0.weight": np.ones((1, 4), np.float32)}, tmp_path / "s.safetensors")
    paths = [str(tmp_path / "s.safetensors"), str(tmp_path / "m.npz")]
    for options, expected in (([], "cross_entropy"), (["--loss", "huber"], "huber")):
        assert main(["import", *paths, "--from", "pytorch", *options]) == 0
        assert load_model(paths[1]).loss == expected


def test_names_of_losses_and_inputs_are_those_of_the_library():
    assert tuple(formats.Loss) == LOSSES
    assert tuple(formats.InputDtype) == INPUTS


def test_info_tells_what_a_file_holds(model, capsys):
    assert main(["info", str(model), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["sizes"], facts["labels"], facts["settings"]) == ([4, 3, 2], ["no", "yes"], SETTINGS)
    assert main(["info", str(model)]) == 0
    shown = capsys.readouterr().out
    assert "labels      no, yes" in shown
    assert "settings    lr 0.5, drop 0 0.5" in shown


def test_info_shows_many_and_hostile_names_on_one_line(tmp_path, capsys):
    names = ("\x1b[2J\r\nred", *(f"kind {i}" for i in range(1, 100)))
    preprocessing = Preprocessing([0.0, 1.0], [1.0, 2.0])
    save_model(tmp_path / "m.npz", Model(Network([2, 100], seed=0), labels=names, preprocessing=preprocessing))
    assert main(["info", str(tmp_path / "m.npz")]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("labels ")]
    assert "\\x1b[2J\\r\\nred, kind 1, " in line
    assert line.endswith("kind 19 and 80 more")
    assert main(["info", str(tmp_path / "m.npz"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["labels"] == list(names)
    assert facts["preprocessing"] == {"kind": None, "shift": [0.0, 1.0], "scale": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["export", "MODEL", "m.txt"], "OUT must end in .safetensors, .npz or .onnx, got m.txt"),
        (["export", "MODEL", "m.npz", "--to", "pytorch"], "OUT must end in .safetensors for --to pytorch, got m.npz"),
        (["export", "gone.npz", "m.npz"], "gone.npz: no such file"),
        (["export", "MODEL", "MODEL"], "would overwrite the model"),
        (["import", "MODEL", "m.onnx"], "OUT must end in .safetensors or .npz, got m.onnx"),
        (["import", "MODEL", "m.npz", "--activation", "relu"], "--activation is for --from pytorch, got fastnet"),
        (["import", "MODEL", "m.npz", "--from", "pytorch"], "no state dict of linear layers"),
        (["import", "MODEL", "m.npz", "--loss", "huber"], "--loss is for --from pytorch, got fastnet"),
        (["import", "gone.safetensors", "m.npz", "--from", "pytorch"], "gone.safetensors: "),
        (["export", "MODEL", "m.npz", "--input-dtype", "uint8"], "--input-dtype is for ONNX, got m.npz as fastnet"),
        (["info", "gone.npz"], "gone.npz: no such file"),
    ],
)
def test_misuse_is_one_line(model, tmp_path, monkeypatch, capsys, command, message):
    monkeypatch.chdir(tmp_path)
    assert main([str(model) if word == "MODEL" else word for word in command]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
