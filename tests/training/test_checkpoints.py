"""Checkpoints and the learning-rate range test."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiers import tiered

from fastnet import SGD, Adam, Network, Trainer
from fastnet.datasets import load_digits
from fastnet.models.document import digest
from fastnet.training.checkpoints import load_checkpoint, save_checkpoint
from fastnet.training.lr_finder import find_lr

DIGITS = load_digits()
X, Y = DIGITS.X[:300], DIGITS.y[:300]


def a_trainer(backend="numpy", **settings):
    network = Network([64, 12, 10], seed=1, input_scale=1 / 16)
    return Trainer(network, **{"optimizer": Adam(0.01), "batch_size": 48, "backend": backend, "seed": 2, **settings})


class Stopped(Exception):  # noqa: N818
    pass


RUNS = [
    ({"dropout": 0.3, "schedule": "one_cycle"}, {"epochs": 6}),
    ({"sampling": "replacement", "optimizer": SGD(0.1, 0.9)}, {"steps": 40, "every": 7}),
    ({"loss": ("cross_entropy", 0.1), "clip_norm": 1.0}, {"steps": 40, "every": 5}),
    ({"batch_size": None, "l2": 0.1}, {"epochs": 10, "every": 3}),
]


@tiered(
    ("backend", "settings", "length"),
    [(backend, *run) for run in RUNS for backend in ("numpy", "numba")],
    lambda backend, *run: backend == "numpy" or run == RUNS[0],
)
def test_a_resumed_run_ends_with_the_same_bits(settings, length, backend, tmp_path):
    path = tmp_path / "run.checkpoint"
    whole = a_trainer(backend, **settings)
    expected = whole.fit(X, Y, **length)
    stopped = a_trainer(backend, **settings)

    def stop_at_second(epoch):
        save_checkpoint(path, stopped, {"metrics": [epoch.loss]})
        if epoch is not None and epoch.step >= expected.epochs[1].step:
            raise Stopped

    with pytest.raises(Stopped):
        stopped.fit(X, Y, callbacks=[stop_at_second], **length)
    resumed, notes = load_checkpoint(path)
    actual = resumed.fit(X, Y, resume=True, **length)
    np.testing.assert_array_equal(resumed.network.parameters, whole.network.parameters)
    assert actual.loss == expected.loss[2:]
    assert [epoch.number for epoch in actual.epochs] == [epoch.number for epoch in expected.epochs[2:]]
    assert notes == {"metrics": [expected.loss[1]]}


def test_a_finished_run_has_nothing_left():
    trainer = a_trainer()
    trainer.fit(X, Y, epochs=2)
    assert trainer.fit(X, Y, epochs=2, resume=True).epochs == []
    assert len(trainer.fit(X, Y, epochs=3, resume=True).epochs) == 1


def test_other_data_cannot_be_gone_on_with():
    trainer = a_trainer()
    trainer.fit(X, Y, epochs=2)
    with pytest.raises(ValueError, match="resume: expected epochs over 300 samples in batches of 48 as before, got"):
        trainer.fit(X[:200], Y[:200], epochs=3, resume=True)
    with pytest.raises(ValueError, match="got steps over 300 samples in batches of 48"):
        trainer.fit(X, Y, steps=30, resume=True)


def test_damaged_checkpoints_are_refused(tmp_path):
    path = tmp_path / "run.checkpoint"
    save_checkpoint(path, a_trainer())
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        data = bytearray(content)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.2 else data)
        try:
            load_checkpoint(path)
        except ValueError:
            refused += 1
    assert refused >= 190  # what is left are spaces that pad the header
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "gone")
    save_file({"a": np.zeros(2)}, path)
    with pytest.raises(ValueError, match="not a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("parameters", np.zeros(1, np.float32), "its parameters are not as many as its network has"),
        ("parameters", np.zeros(910, np.float64), "parameters must be as long .* and of their dtype"),
        ("v", np.zeros(9, np.float32), "v must be as long"),
        ("remaining", np.array([0, 300]), "remaining must be indices of 300 samples"),
        ("remaining", np.array([-1]), "remaining must be indices of 300 samples"),
        ("remaining", np.zeros(3), "remaining must be a vector of int64"),
    ],
)
def test_a_checkpoint_whose_digest_is_right_is_still_not_believed(name, tensor, message, tmp_path):
    path = tmp_path / "run.checkpoint"
    trainer = a_trainer()
    trainer.fit(X, Y, steps=2)
    save_checkpoint(path, trainer)
    content = path.read_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    tensors = {**load_file(path), name: tensor}
    save_file(tensors, path, {**metadata, "sha256": digest(tensors, metadata["state"])})
    with pytest.raises(ValueError, match=f"damaged checkpoint: .*{message}"):
        load_checkpoint(path)


def test_a_checkpoint_holds_tensors_and_json_alone(tmp_path):
    path = tmp_path / "run.checkpoint"
    save_checkpoint(path, a_trainer())
    assert set(load_file(path)) == {"parameters", "remaining", "m", "v"}
    header = path.read_bytes()[8:]
    metadata = json.loads(header[: int.from_bytes(path.read_bytes()[:8], "little")])["__metadata__"]
    assert json.loads(metadata["state"])["state"]["generator"]["bit_generator"] == "PCG64"


def test_a_checkpoint_holds_every_setting(tmp_path):
    network = Network([64, 12, 10], "tanh", bias=False, seed=1, dtype=np.float64, input_scale=1 / 16)
    settings = {
        "loss": ("cross_entropy", 0.1), "batch_size": 48, "backend": "numpy", "n_threads": 2, "clip_norm": 1.0,
        "clip_value": 0.5, "l2": 0.25, "dropout": 0.5, "sampling": "replacement", "schedule": "cosine",
    }  # fmt: skip
    trainer = Trainer(network, Adam(0.01, eps=1e-6), seed=2, **settings)
    trainer.fit(X, Y, epochs=1)
    save_checkpoint(tmp_path / "run.checkpoint", trainer)
    actual, _ = load_checkpoint(tmp_path / "run.checkpoint")
    assert actual.settings == trainer.settings
    for name in ("sizes", "activations", "bias", "dtype", "input_scale"):
        assert getattr(actual.network, name) == getattr(network, name), name


def test_a_schedule_of_ones_own_cannot_be_kept(tmp_path):
    with pytest.raises(ValueError, match="only those that have a name"):
        save_checkpoint(tmp_path / "run.checkpoint", a_trainer(schedule=lambda progress: 1.0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("optimizer", [SGD(), Adam()])
def test_the_range_test_finds_a_rate_that_trains_and_changes_nothing(optimizer):
    trainer = a_trainer(optimizer=optimizer)
    before = trainer.network.parameters.copy()
    found = find_lr(trainer, X, Y)
    np.testing.assert_array_equal(trainer.network.parameters, before)
    assert found.lrs.shape == found.losses.shape
    assert (np.diff(found.lrs) > 0).all()
    assert found.losses[0] == pytest.approx(trainer.evaluate(X, Y).loss, rel=0.2)
    worse = found.losses > 4 * np.minimum.accumulate(found.losses)
    expected = [len(worse) - 1] if len(worse) < 200 else []
    assert np.flatnonzero(worse).tolist() == expected, "the test ends where the loss has grown fourfold"
    losses = {}
    for factor in (1e-3, 1.0):
        kind = type(optimizer)
        one = a_trainer(optimizer=kind(lr=found.suggestion * factor))
        losses[factor] = one.fit(X, Y, epochs=5).loss[-1]
    assert losses[1.0] < 0.5 * losses[1e-3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 1.0, "high": 0.1}, "low and high must be rates with 0 < low < high, got 1.0 and 0.1"),
        ({"low": 0.0}, "0 < low < high"),
        ({"steps": 3}, "steps must be at least 10, got 3"),
        ({"low": 50.0, "high": 100.0}, "the loss never fell"),
    ],
)
def test_ranges_that_cannot_be_tested_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_lr(a_trainer(), X, Y, **arguments)


def test_a_range_test_without_samples_is_refused():
    with pytest.raises(ValueError, match="X must hold at least one sample, got none"):
        find_lr(a_trainer(), X[:0], Y[:0])
