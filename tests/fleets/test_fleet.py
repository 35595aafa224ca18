"""Fleets: each network ends with the bits of a trainer of its own, whatever the others are."""

import signal
import threading
import time

import numpy as np
import pytest

from fastnet import SGD, Adam, AdamW, Fleet, Network, Trainer

rng = np.random.default_rng(0)
X = rng.standard_normal((120, 6)).astype(np.float32)
LABELS = rng.integers(0, 3, 120)
VALUES = rng.standard_normal((120, 2))

KINDS = {
    "plain": {},
    "schedule": {"schedule": "cosine", "optimizer": SGD(0.1, momentum=0.9)},
    "dropout": {"dropout": 0.3, "optimizer": AdamW(0.01)},
    "dropout of layers": {"dropout": (0.3, 0.0), "clip_norm": 0.5},
    "full batch": {"batch_size": None, "l2": 0.01},
    "replacement": {"sampling": "replacement", "clip_value": 0.01},
}


def networks(sizes=(6, 9, 5, 3), count=4, **given):
    return [Network(sizes, seed=seed, **given) for seed in range(count)]


def rows_for(count):
    generator = np.random.default_rng(1)
    return [generator.integers(0, 120, size) for size in (120, 50, 77, 1, 33)[:count]]


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_each_network_has_the_bits_of_a_trainer_of_its_own(kind, n_threads):
    many, alone, seeds = networks(), networks(), [3, 1, 4, 1]
    settings = {"batch_size": 16, **KINDS[kind]}
    histories = Fleet(many, seeds=seeds, n_threads=n_threads, **settings).fit(X, LABELS, rows_for(4), epochs=3)
    for network, other, seed, rows, history in zip(many, alone, seeds, rows_for(4), histories, strict=True):
        expected = Trainer(other, seed=seed, **settings).fit(X[rows], LABELS[rows], epochs=3)
        assert network.parameters.tobytes() == other.parameters.tobytes()
        assert [epoch.loss for epoch in history.epochs] == [epoch.loss for epoch in expected.epochs]


def test_networks_of_all_kinds_in_one_fleet():
    def make():
        return [
            Network([6, 3], seed=0),
            Network([6, 40, 7, 3], seed=1, dtype=np.float64, activations="tanh"),
            Network([6, 1021, 3], seed=2),
        ]

    settings = {"optimizer": [Adam(), SGD(0.01), Adam(0.1)], "batch_size": [7, None, 64]}
    settings["dropout"], settings["loss"] = (
        [0.0, (0.1, 0.2), 0.5],
        ["cross_entropy", "softmax_squared_error", ("cross_entropy", 0.1)],
    )
    many, alone = make(), make()
    weights = np.abs(rng.standard_normal(120))
    Fleet(many, seeds=5, **settings).fit(X, LABELS, epochs=2, sample_weight=weights)
    for i, (network, other) in enumerate(zip(many, alone, strict=True)):
        own = {name: values[i] for name, values in settings.items()}
        Trainer(other, seed=5, **own).fit(X, LABELS, epochs=2, sample_weight=weights)
        assert network.parameters.tobytes() == other.parameters.tobytes()


def test_patience_ends_each_network_where_it_would_alone():
    def make():
        return networks((6, 20, 2), 3)

    held_out, rows = (X[:30], VALUES[:30]), [np.arange(30, 120), np.arange(30, 70), np.arange(60, 120)]
    many, alone = make(), make()
    settings = {"loss": "squared_error", "optimizer": Adam(0.02), "batch_size": 10}
    fleet = Fleet(many, seeds=[0, 1, 2], **settings)
    histories = fleet.fit(X, VALUES, rows, held_out, epochs=60, patience=2)
    lengths = set()
    for i, (network, other) in enumerate(zip(many, alone, strict=True)):
        trainer = Trainer(other, seed=i, **settings)
        expected = trainer.fit(X[rows[i]], VALUES[rows[i]], held_out, epochs=60, patience=2)
        assert network.parameters.tobytes() == other.parameters.tobytes()
        assert len(histories[i].epochs) == len(expected.epochs) < 60
        lengths.add(len(expected.epochs))
    assert len(lengths) > 1


def test_training_goes_on_where_it_left_off():
    many, alone = networks(count=2), networks(count=2)
    fleet = Fleet(many, seeds=[0, 1])
    trainers = [Trainer(network, seed=i) for i, network in enumerate(alone)]
    for _ in range(2):
        fleet.fit(X, LABELS, epochs=1)
        for trainer in trainers:
            trainer.fit(X, LABELS, epochs=1)
    assert [one.parameters.tobytes() for one in many] == [one.parameters.tobytes() for one in alone]


def test_bytes():
    data = np.asarray(X * 40 + 128).clip(0, 255).astype(np.uint8)
    many, alone, rows = networks(count=2, input_scale=1 / 255), networks(count=2, input_scale=1 / 255), rows_for(2)
    Fleet(many, seeds=[0, 1]).fit(data, LABELS, rows, epochs=2)
    for i, other in enumerate(alone):
        Trainer(other, seed=i).fit(data[rows[i]], LABELS[rows[i]], epochs=2)
    assert [one.parameters.tobytes() for one in many] == [one.parameters.tobytes() for one in alone]


def test_predictions_of_all_networks_and_scores():
    fleet = Fleet(networks(), seeds=0)
    fleet.fit(X, LABELS, epochs=1)
    probabilities = fleet.predict_proba(X)
    assert probabilities.shape == (4, 120, 3)
    np.testing.assert_allclose(probabilities.sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_array_equal(fleet.predict(X), probabilities.argmax(axis=2))
    assert fleet.evaluate(X, LABELS) == [trainer.evaluate(X, LABELS) for trainer in fleet.trainers]


def test_a_time_limit_ends_all():
    histories = Fleet(networks(count=3), seeds=0, n_threads=2).fit(X, LABELS, epochs=10**6, max_time=0.05)
    assert sum(len(history.epochs) for history in histories) > 0


def test_one_file_keeps_the_bits_and_the_losses(tmp_path):
    path, many = tmp_path / "fleet.safetensors", networks(count=2)
    Fleet(many, loss=["cross_entropy", ("cross_entropy", 0.1)]).save(path)
    loaded = Fleet.load(path)
    assert [one.parameters.tobytes() for one in loaded.networks] == [one.parameters.tobytes() for one in many]
    assert [trainer.loss for trainer in loaded.trainers] == ["cross_entropy", "cross_entropy"]
    content = path.read_bytes()
    for damaged in (content[:-5], content[:-1] + bytes([content[-1] ^ 1]), b"", b"<html>"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"fleet\.safetensors"):
            Fleet.load(path)
    with pytest.raises(FileNotFoundError):
        Fleet.load(tmp_path / "nothing")


def test_a_model_is_no_fleet(tmp_path):
    from fastnet import Model, save_model

    save_model(tmp_path / "m", Model(networks()[0]))
    with pytest.raises(ValueError, match="not a fleet of fastnet"):
        Fleet.load(tmp_path / "m")


def test_an_error_names_the_network_and_ends_the_others():
    optimizers = [SGD(0.1), SGD(1e30), SGD(0.1)]
    with pytest.raises(FloatingPointError, match=r"network 1: the .* became infinite or NaN"):
        Fleet(networks((6, 30, 2), 3), optimizers, "squared_error", seeds=0, n_threads=2).fit(X, VALUES, epochs=10**6)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_all_networks():
    fleet = Fleet(networks(count=3), seeds=0, n_threads=2)
    fleet.fit(X, LABELS, epochs=1)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        fleet.fit(X, LABELS, epochs=10**7)
    timer.join()
    before = [network.parameters.tobytes() for network in fleet.networks]
    time.sleep(0.1)
    assert before == [network.parameters.tobytes() for network in fleet.networks]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"networks": []}, "networks must be at least one"),
        ({"networks": 3}, "networks must be a list"),
        ({"networks": [Network([1, 1], seed=0)] * 2}, "networks must be different"),
        ({"batch_size": [1, 2]}, "batch_size must be one for each of 4 networks, got a list of 2"),
        ({"seeds": [0, 1, 2]}, "seeds must be one for each"),
        ({"l2": [0.0, 0.1, -1.0, 0.0]}, "network 2: l2 must lie in"),
        ({"dropout": [0.0, (0.1,), 0.0, 0.0]}, "network 1: dropout"),
        ({"n_threads": 0}, "n_threads"),
        ({"optimizer": "adam"}, "optimizer"),
    ],
)
def test_settings_that_cannot_be_used(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Fleet(**{"networks": networks(), **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": [[0]] * 3}, "rows must be one index array for each of 4 networks, got 3"),
        ({"rows": 3}, "rows must be a list"),
        ({"rows": [[0], [0], [], [0]]}, r"rows\[2\] must"),
        ({"rows": [[0], [0], [120], [0]]}, r"rows\[2\] must lie in \[0, 120\), got 120"),
        ({"rows": [[0], [-1], [0], [0]]}, r"rows\[1\] must lie in"),
        ({"rows": [[0.5]] * 4}, r"rows\[0\] must be a vector of whole numbers"),
        ({"patience": 2}, "patience"),
        ({"max_time": 0}, "max_time"),
        ({"epochs": -1}, "epochs"),
        ({"y": LABELS + 1}, "y"),
        ({"X": X[:, :5]}, "X"),
        ({"validation": [(X, LABELS)]}, "validation must be one for each"),
    ],
)
def test_data_that_cannot_be_used_trains_nothing(arguments, message):
    many = networks()
    before = [network.parameters.tobytes() for network in many]
    with pytest.raises((TypeError, ValueError), match=message):
        Fleet(many, seeds=0).fit(**{"X": X, "y": LABELS, **arguments})
    assert before == [network.parameters.tobytes() for network in many]


def test_networks_with_different_outputs_are_asked_one_by_one():
    fleet = Fleet([Network([6, 3], seed=0), Network([6, 4], seed=0)])
    with pytest.raises(ValueError, match="predict needs networks with as many outputs, got 3, 4"):
        fleet.predict(X)
