"""`fastnet export`, `fastnet import` and `fastnet info MODEL`."""

import json

import numpy as np
import pytest

from fastnet import Model, Network, load_model, save_model
from fastnet.cli import main

X = np.random.default_rng(0).normal(size=(5, 4))


@pytest.fixture
def model(tmp_path):
    network = Network([4, 3, 2], "tanh", seed=1)
    save_model(tmp_path / "model.safetensors", Model(network, labels=("no", "yes"), settings={"lr": 0.5}))
    return tmp_path / "model.safetensors"


def test_a_model_goes_through_every_format(model, tmp_path, capsys):
    expected = load_model(model).predict_logits(X, "numpy")
    npz, state, back, onnx = (tmp_path / name for name in ("m.npz", "s.safetensors", "b.safetensors", "m.onnx"))
    assert main(["export", str(model), str(npz)]) == 0
    assert main(["export", str(npz), str(onnx)]) == 0
    assert main(["export", str(npz), str(state), "--to", "pytorch"]) == 0
    assert main(["import", str(state), str(back), "--from", "pytorch"]) == 0
    shown = capsys.readouterr().out
    assert f"{onnx}: 4-3-2 tanh float32, written as ONNX" in shown
    for path in (npz, back):
        np.testing.assert_allclose(load_model(path).predict_logits(X, "numpy"), expected, rtol=1e-6)
    assert onnx.stat().st_size > 100


def test_info_tells_what_a_file_holds(model, capsys):
    assert main(["info", str(model), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["sizes"], facts["labels"], facts["settings"]) == ([4, 3, 2], ["no", "yes"], {"lr": 0.5})
    assert main(["info", str(model)]) == 0
    assert "labels      no, yes" in capsys.readouterr().out


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
