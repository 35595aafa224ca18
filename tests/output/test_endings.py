"""Names of files that end as another format does."""

import os

import pytest

from fastnet import Model, Network, Trainer, save_model
from fastnet.models import export_onnx, save_pytorch
from fastnet.output.endings import ENDINGS, check_ending
from fastnet.report import write_report
from fastnet.training.checkpoints import save_checkpoint

MODEL = Model(Network([2, 2], seed=0))
FOREIGN = ["x.pt", "x.h5", "x.csv", "x.PNG", "x.npz.gz", "x.pkl", "x.tar"]
WRITERS = {
    "model": lambda path: save_model(path, MODEL),
    "onnx": lambda path: export_onnx(path, MODEL),
    "state dict": lambda path: save_pytorch(path, MODEL),
    "report": lambda path: write_report(path, MODEL, [[0.0, 1.0]], [0]),
    "checkpoint": lambda path: save_checkpoint(path, Trainer(Network([2, 2], seed=0), backend="numpy")),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("what", WRITERS)
def test_what_is_written_is_not_called_something_else(tmp_path, what, name):
    with pytest.raises(ValueError, match=f"{name}: .* is written here, expected a name that ends in"):
        WRITERS[what](tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ENDINGS)
def test_names_that_say_nothing_or_the_right_thing_are_taken(kind):
    for name in ("x", "x.1", "tmp.XbA0q1", os.devnull, *(f"x{ending}" for ending in ENDINGS[kind])):
        check_ending(name, kind)


def test_a_pipe_may_have_any_name(tmp_path):
    path = tmp_path / "x.csv"
    os.mkfifo(path)
    check_ending(path, "a model")
