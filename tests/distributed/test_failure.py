"""What goes wrong on one rank ends all within seconds, says which it was, and leaves the last checkpoint whole."""

import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from launching import LIMIT, launch, needs_mpi

from fastnet import load_model
from fastnet.distributed import connecting, failure
from fastnet.training.checkpoints import load_checkpoint

PROGRAM = Path(__file__).parents[1] / "mpi_faults.py"


def fail(n_ranks, name, folder):
    start = time.monotonic()
    code, output, errors = launch((n_ranks, PROGRAM, name), folder=folder)
    assert time.monotonic() - start < LIMIT / 2, "within seconds"
    return code, output.splitlines(), [line for line in errors.splitlines() if line.startswith("fastnet")]


@needs_mpi
@pytest.mark.parametrize(("n_ranks", "name"), [(4, "killed"), (2, "raised"), (4, "caught")])
def test_what_ends_one_rank_ends_all_and_leaves_the_checkpoint(n_ranks, name, tmp_path):
    code, _, told = fail(n_ranks, name, tmp_path)
    assert code != 0
    if name != "killed":  # of which mpiexec tells
        assert len(told) == 1
        assert re.fullmatch(rf"fastnet: rank 1 of {n_ranks}: ZeroDivisionError: .*\(.*, line \d+\)", told[0])
    trainer, _ = load_checkpoint(tmp_path / "run.checkpoint")
    assert trainer.state.epoch >= 2
    assert np.isfinite(trainer.network.parameters).all()
    assert len(list(tmp_path.glob("run.checkpoint"))) == 1


@needs_mpi
def test_an_error_apart_from_training_ends_all(tmp_path):
    code, _, told = fail(2, "stray", tmp_path)
    assert code == 1
    assert [line.partition(" (")[0] for line in told] == ["fastnet: rank 1 of 2: RuntimeError: no such file"]


@needs_mpi
def test_ranks_that_differ_are_told_in_what(tmp_path):
    code, output, told = fail(2, "differing", tmp_path)
    assert (code, told) == (0, [])
    expected = [
        r"settings\.seed: 0 on rank 0; 1 on rank 1", r"state\.parameters: float32\[39\] .*",
        r"settings\.shards: 4 on rank 0; 8 on rank 1", None, r"X: float32\[64, 5\] .*", None,
        r"y: int32\[64\] .*", "plan: .*", r"state\.generator: .*", r"callbacks: \[\] on .*; \[Patience.*",
        "fastnet: 0.1.0 on rank 0; 0.0.0 on rank 1", "numpy: 9.0 on rank 0; 9.1 on rank 1",
    ]  # fmt: skip
    assert len(output) == len(expected)
    for line, pattern in zip(output, expected, strict=True):
        assert pattern is None or re.fullmatch(f"ranks differ in {pattern}", line)
    assert output[3] == "nothing", "threads may differ"
    assert output[5].startswith("rank 1: X must ")


@needs_mpi
def test_numbers_of_ranks_that_do_not_fit_are_refused(tmp_path):
    code, output, told = fail(4, "unfit", tmp_path)
    assert (code, told) == (0, [])
    assert output[0] == "ranks must be at most 2, the shards of a batch, got 4: 2 too many"
    assert output[1].startswith("batch_size must be at least 4, the shards of a batch, got batches of 2")
    assert output[2] == "nothing"
    _, output, _ = fail(3, "unfit", tmp_path)
    assert output == ["ranks must be a power of two, got 3: start as many by mpiexec -n"] * 3


TRAIN = ("-m", "fastnet", "train", "--ranks", "mpi", "--backend", "numpy", "--batch-size", "128", "--epochs", "2")


@needs_mpi
def test_the_command_prints_and_writes_on_one_rank(tmp_path):
    code, output, errors = launch((2, *TRAIN, "--checkpoint", "kept", "--report", "page.html"), folder=tmp_path)
    assert code == 0
    assert "for each of 2 ranks, 8 shards" in output
    assert len(re.findall(r"^saved ", output, flags=re.MULTILINE)) == 1
    assert len(re.findall(r"^epoch ", errors, flags=re.MULTILINE)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "model.safetensors", "page.html"]
    digest = load_model(tmp_path / "model.safetensors").network.parameters.tobytes()
    resumed = ("-m", "fastnet", "train", "--resume", "kept", "--out", "again.safetensors")
    code, _, errors = launch((1, *resumed, "--epochs", "2"), folder=tmp_path)
    assert (code, errors) == (0, "")
    assert load_model(tmp_path / "again.safetensors").network.parameters.tobytes() == digest


@needs_mpi
def test_the_command_ends_all_ranks_when_one_has_no_data(tmp_path):
    code, _, errors = launch((1, *TRAIN), (1, *TRAIN, "missing.csv"), folder=tmp_path)
    assert code == 2
    assert [line for line in errors.splitlines() if line.startswith("fastnet")] == [
        "fastnet: rank 1 of 2: missing.csv: no such file"
    ]


def test_without_mpi4py_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "mpi4py", raising=False)
    monkeypatch.setattr(connecting, "find_spec", lambda name: None)
    connecting.world.cache_clear()
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fastnet\[mpi\]"'):
        connecting.connect("mpi", 8)


def test_one_process_ends_as_it_would_without_ranks():
    assert failure.end_all("nothing", 1) is None
    with pytest.raises(ZeroDivisionError), failure.ending_all():
        raise ZeroDivisionError
