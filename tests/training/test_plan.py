"""How training may go: by steps, with replacement, in full batches, with weights, penalties, dropout, schedules."""

import itertools

import numpy as np
import pytest

from fastnet import SGD, Adam, Network, Trainer
from fastnet.datasets import load_digits
from fastnet.training.samples import Sampler
from fastnet.training.schedules import SCHEDULES, one_cycle

DIGITS = load_digits()
X, Y = DIGITS.X[:500], DIGITS.y[:500]


def trained(backend="numpy", fit=None, network=None, dtype=np.float64, **settings):
    net = Network([64, 20, 10], "sigmoid", seed=1, dtype=dtype, input_scale=1 / 16, **(network or {}))
    settings = {"optimizer": SGD(0.3), "batch_size": 48, "seed": 2, **settings}
    trainer = Trainer(net, backend=backend, **settings)
    return trainer, trainer.fit(X, Y, **{"epochs": 2, **(fit or {})})


WAYS = [
    {"sampling": "replacement", "fit": {"steps": 25, "every": 10}},
    {"batch_size": None, "fit": {"epochs": 6, "every": 4}, "network": {"init": "uniform"}},
    {"loss": "softmax_squared_error", "network": {"bias": False, "init": "scaled_uniform"}},
    {"l2": 0.5, "dropout": 0.3, "fit": {"sample_weight": np.linspace(0.0, 2.0, 500)}},
    {"loss": ("cross_entropy", 0.1), "schedule": "one_cycle", "optimizer": Adam(0.01)},
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way))
def test_both_backends_agree(way):
    (reference, expected), (compiled, actual) = (trained(backend, **way) for backend in ("numpy", "numba"))
    assert [epoch.step for epoch in actual.epochs] == [epoch.step for epoch in expected.epochs]
    assert [epoch.number for epoch in actual.epochs] == [epoch.number for epoch in expected.epochs]
    np.testing.assert_allclose(actual.loss, expected.loss, rtol=1e-9)  # as in tests/training/test_trainer.py
    np.testing.assert_allclose(compiled.network.parameters, reference.network.parameters, rtol=1e-7, atol=1e-9)
    plain, _ = trained()
    assert np.abs(reference.network.parameters - plain.network.parameters).max() > 1e-3, "the way made no difference"


def test_metrics_are_taken_every_so_many_steps():
    trainer, history = trained(fit={"steps": 25, "every": 10, "validation": (X, Y)})
    assert [epoch.step for epoch in history.epochs] == [10, 20, 25]
    assert [epoch.number for epoch in history.epochs] == [1, 2, 3]
    assert None not in history.validation_loss
    again = trainer.fit(X, Y, steps=3)
    assert [(epoch.number, epoch.step) for epoch in again.epochs] == [(4, 28)]
    _, history = trained(fit={"steps": 25})  # about an epoch's steps
    assert [epoch.step for epoch in history.epochs] == [11, 22, 25]
    _, history = trained(fit={"epochs": 5, "every": 2})
    assert [(epoch.number, epoch.step) for epoch in history.epochs] == [(2, 22), (4, 44), (5, 55)]


def test_losses_are_means_over_the_samples_used():
    losses = {every: trained(fit={"steps": 22, "every": every})[1].loss for every in (11, 22)}
    assert losses[22] == [pytest.approx(np.mean(losses[11]))]


def test_steps_of_a_shuffle_use_every_sample_once_before_any_twice():
    sampler = Sampler(np.random.default_rng(0), "shuffle", 10, whole=False)
    drawn = np.concatenate([sampler.take(4) for _ in range(5)])
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10].tolist() != drawn[10:].tolist()


def test_draws_with_replacement_repeat_themselves():
    drawn = Sampler(np.random.default_rng(0), "replacement", 100, whole=False).take(1000)
    assert set(drawn.tolist()) == set(range(100))
    assert np.bincount(drawn).max() > 15


def test_one_epoch_of_one_batch_of_all_samples_is_a_step_down_the_gradient():
    for length in ({"epochs": 1}, {"steps": 1}):
        trainer, history = trained(batch_size=None, fit=length)
        other, _ = trained(batch_size=10_000, fit=length)
        assert history.epochs[0].step == 1
        np.testing.assert_array_equal(trainer.network.parameters, other.network.parameters)


def test_an_epoch_after_some_steps_is_one_of_all_samples(monkeypatch):
    trainer, _ = trained(fit={"steps": 3})
    original, drawn = Sampler.take, []
    monkeypatch.setattr(Sampler, "take", lambda *args: drawn.append(original(*args)) or drawn[-1])
    trainer.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(np.sort(np.concatenate(drawn)), np.arange(500))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_each_hidden_layer_may_have_a_rate_of_its_own(backend):
    def fitted(dropout):
        net = Network([64, 12, 8, 10], seed=1, dtype=np.float64, input_scale=1 / 16)
        Trainer(net, SGD(0.3), batch_size=100, backend=backend, seed=2, dropout=dropout).fit(X, Y, epochs=2)
        return net.parameters

    np.testing.assert_array_equal(fitted((0.4, 0.4)), fitted(0.4))
    ways = [fitted(dropout) for dropout in (0.0, (0.4, 0.0), (0.0, 0.4), 0.4)]
    assert all((one != other).any() for one, other in itertools.combinations(ways, 2))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("optimizer", [SGD(0.3, 0.9), Adam(0.01)])
def test_a_network_without_biases_never_gets_any(backend, optimizer):
    trainer, _ = trained(backend, network={"bias": False}, optimizer=optimizer, clip_norm=0.5, l2=0.1)
    assert not any(b.any() for b in trainer.network.biases)
    assert trainer.network.n_parameters == 64 * 20 + 20 * 10


def test_the_penalty_is_part_of_the_loss_and_draws_weights_to_zero():
    way = {"batch_size": None, "fit": {"epochs": 1}}
    (plain, without), (penalized, history) = trained(**way), trained(**way, l2=50.0)
    start = Network([64, 20, 10], "sigmoid", seed=1, dtype=np.float64)
    penalty = 0.5 * 50.0 * sum(np.square(W).sum() for W in start.weights) / 500
    assert history.loss[0] == pytest.approx(without.loss[0] + penalty)
    for W, free, first in zip(penalized.network.weights, plain.network.weights, start.weights, strict=True):
        np.testing.assert_allclose(W, free - 0.3 * 50.0 * first / 500, rtol=1e-9, atol=1e-12)
    for b, free in zip(penalized.network.biases, plain.network.biases, strict=True):
        np.testing.assert_array_equal(b, free)


def test_a_weight_of_zero_is_no_sample():
    weights = np.ones(500)
    weights[::2] = 0
    trainer, _ = trained(batch_size=None, fit={"sample_weight": weights, "epochs": 3})
    net = Network([64, 20, 10], "sigmoid", seed=1, dtype=np.float64, input_scale=1 / 16)
    Trainer(net, SGD(0.3), batch_size=None, backend="numpy").fit(X[1::2], Y[1::2], epochs=3)
    np.testing.assert_allclose(trainer.network.parameters, net.parameters, rtol=1e-9, atol=1e-12)


def test_schedules_begin_and_end_where_they_should():
    assert [schedule(0.0) for schedule in SCHEDULES.values()] == [1.0, 1.0, 1.0, 0.04]
    assert max(one_cycle(i / 1000) for i in range(1000)) == 1.0
    assert one_cycle(0.999) < 1e-3


def test_a_schedule_is_asked_before_each_step_of_each_run_and_not_too_often():
    asked = []
    trainer, _ = trained(schedule=lambda progress: asked.append(progress) or 1.0, fit={"epochs": 2})
    assert asked.pop(0) == 1.0  # once: whether it ends at 0
    np.testing.assert_allclose(asked, np.arange(22) / 21)
    asked.clear()
    trainer.fit(X, Y, steps=5)
    np.testing.assert_allclose(asked[1:], np.arange(5) / 4)
    asked.clear()
    trained(schedule=lambda progress: asked.append(progress) or 1.0, batch_size=1, fit={"epochs": 1})
    assert 32 <= len(asked) <= 36


def test_a_rate_of_zero_changes_nothing_more():
    trainer, _ = trained(schedule=lambda progress: 1.0 if progress < 0.5 else 0.0, fit={"epochs": 2})
    half, _ = trained(fit={"epochs": 1})
    np.testing.assert_array_equal(trainer.network.parameters, half.network.parameters)


def test_what_is_dropped_follows_the_seed():
    # all samples at once, so that the seed decides on nothing else
    way = {"batch_size": None, "dropout": 0.5, "fit": {"epochs": 1}}
    first, again, other = (trained(**way, seed=seed)[0].network.parameters for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ({"l2": -1.0}, "l2 must lie in"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"dropout": (0.1, 0.2)}, "dropout must hold 1 rates, one for each hidden layer, got 2"),
        ({"sampling": "bootstrap"}, "sampling must be one of shuffle, replacement, got 'bootstrap'"),
        ({"schedule": "steps"}, "schedule must be one of constant, linear, cosine, one_cycle, got 'steps'"),
        ({"fit": {"steps": -1}}, "steps must be at least 0, got -1"),
        ({"fit": {"every": 0}}, "every must be at least 1, got 0"),
        ({"fit": {"sample_weight": np.zeros(500)}}, "sample_weight must be finite and not negative, and some"),
        ({"fit": {"sample_weight": np.linspace(-1, 1, 500)}}, "sample_weight must be finite and not negative"),
        ({"fit": {"sample_weight": [1.0]}}, r"sample_weight must have shape \(500,\), got \(1,\)"),
        ({"network": {"bias": 1}}, "bias must be True or False, got int"),
    ],
)
def test_bad_settings_are_named(way, message):
    with pytest.raises((TypeError, ValueError), match=message):
        trained(**way)
