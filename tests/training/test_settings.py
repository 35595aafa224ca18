"""What is made once and passed whole: settings, prepared data, and the state of a run."""

import ast
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

import fastnet
from fastnet import SGD, Adam, MLPClassifier, Network, Trainer, TrainingSettings
from fastnet.datasets import load_digits
from fastnet.estimators.fitting.stochastic import optimizer_of, settings_of
from fastnet.recipes import RECIPES
from fastnet.training.samples import Samples
from fastnet.training.state import TrainingState
from fastnet.validation import inputs

DIGITS = load_digits()
X, Y = DIGITS.X[:120], DIGITS.y[:120]


def a_trainer(loss="cross_entropy", sizes=(64, 12, 10), **settings):
    network = Network(sizes, seed=1, input_scale=1 / 16)
    return Trainer(network, loss=loss, **{"batch_size": 48, "backend": "numpy", "seed": 2, **settings})


def test_kernels_are_prepared_by_the_loop_and_for_tables_alone():
    """Networks of tables have groups of parameters, which no settings of a trainer name."""
    calls = [
        path.name
        for path in Path(fastnet.__file__).parent.rglob("*.py")
        if not {"kernels", "reference", "measure"} & set(path.parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("prepare_training", "train_epoch")
    ]
    assert sorted(calls) == ["loop.py", "members.py"]


def test_settings_are_those_of_the_trainer_and_cannot_change():
    settings = TrainingSettings(SGD(0.5), "squared_error", 8, "numpy", l2=1, dropout=[0.25], schedule="cosine")
    trainer = Trainer.of(Network([2, 3, 1], seed=0), settings)
    assert trainer.settings is settings
    assert (settings.l2, settings.dropout) == (1.0, (0.25,))
    assert Trainer(trainer.network, SGD(0.5), "squared_error", 8, "numpy", l2=1, dropout=(0.25,), schedule="cosine")
    for frozen, name in ((settings, "l2"), (trainer, "loss"), (trainer, "backend")):
        with pytest.raises(FrozenInstanceError):
            setattr(frozen, name, None)
    assert replace(settings, seed=3).seed == 3


def test_a_schedule_that_has_a_name_goes_by_it():
    named = TrainingSettings(schedule=fastnet.training.schedules.cosine)
    assert named == TrainingSettings(schedule="cosine")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_recipes_and_estimators_make_settings_too():
    recipe = RECIPES["best"].settings("numpy", 3, None)
    assert (recipe.loss, recipe.schedule, recipe.dropout) == (("cross_entropy", 0.1), "one_cycle", 0.4)
    model = MLPClassifier((12,), dropout=[0.25], clip_norm=2.0, backend="numpy", max_iter=1).fit(X, Y)
    settings = settings_of(model, optimizer_of(model), 120)
    assert settings == TrainingSettings(
        Adam(0.001), "cross_entropy", 120, "numpy", clip_norm=2.0, l2=1e-4, dropout=(0.25,)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adam"}, "optimizer must be SGD, Adam or AdamW settings, got str"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"n_threads": 0}, "n_threads must be at least 1, got 0"),
        ({"backend": "jax"}, "backend must be one of numba, numpy"),
        ({"clip_norm": 0.0}, "clip_norm must be positive"),
        ({"dropout": [0.1, 1.0]}, r"dropout\[1\] must lie in \[0, 1\)"),
        ({"dropout": "0.1"}, "dropout must|dropout"),
        ({"schedule": "onecycle"}, "schedule must be one of constant, linear, cosine, one_cycle, got 'onecycle'"),
    ],
)
def test_settings_that_cannot_be_used_are_named_as_they_are_made(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        TrainingSettings(**settings)


def test_prepared_data_trains_to_the_same_bits():
    weights, held_out = np.linspace(0, 2, 120), (X[:20], Y[:20])
    plain, prepared = a_trainer(), a_trainer()
    expected = plain.fit(X, Y, held_out, epochs=2, sample_weight=weights)
    data = prepared.prepare(X, Y, held_out, weights)
    actual = prepared.fit(data, epochs=2)
    np.testing.assert_array_equal(prepared.network.parameters, plain.network.parameters)
    assert actual.validation_loss == expected.validation_loss


def test_data_is_checked_once(monkeypatch):
    trainer = a_trainer()
    data = trainer.prepare(X, Y)
    monkeypatch.setattr(inputs, "features", None)
    assert len(trainer.fit(data, epochs=2).epochs) == 2
    trainer.compile(data)


@pytest.mark.parametrize(
    ("sizes", "loss", "message"),
    [
        ((32, 10), "cross_entropy", "prepared for 64 features, 10 outputs, float32 and .* expected 32 features"),
        ((64, 9), "cross_entropy", "expected 64 features, 9 outputs"),
        ((64, 10), "softmax_squared_error", "expected .* the loss softmax_squared_error"),
    ],
)
def test_data_that_was_prepared_for_something_else_is_refused(sizes, loss, message):
    data = a_trainer().prepare(X, Y)
    with pytest.raises(ValueError, match=message):
        a_trainer(loss, sizes).fit(data)


def test_prepared_data_comes_alone():
    trainer = a_trainer()
    data = trainer.prepare(X, Y)
    with pytest.raises(TypeError, match="y, validation and sample_weight are part of prepared data"):
        trainer.fit(data, Y)
    with pytest.raises(ValueError, match="patience needs validation data, got none"):
        trainer.fit(data, patience=2)


@pytest.mark.parametrize(("optimizer", "names"), [(SGD(), []), (SGD(0.1, 0.9), ["velocity"]), (Adam(), ["m", "v"])])
def test_the_state_of_an_optimizer_goes_by_the_names_of_the_field(optimizer, names):
    trainer = a_trainer(optimizer=optimizer)
    trainer.fit(X, Y, epochs=1)
    assert list(trainer.state.vectors) == names
    assert all(vector.any() for vector in trainer.state.vectors.values())


def test_a_state_that_is_restored_goes_on_to_the_same_bits():
    whole, stopped, other = (a_trainer(dropout=0.2) for _ in range(3))
    whole.fit(X, Y, epochs=3)
    stopped.fit(X, Y, epochs=2)
    assert stopped.state.used == 240
    other.state.restore(stopped.state.counters(), stopped.state.arrays())
    other.fit(X, Y, epochs=3, resume=True)
    np.testing.assert_array_equal(other.network.parameters, whole.network.parameters)


def test_a_state_of_other_parameters_is_refused():
    state = a_trainer().state
    other = TrainingState.begin(np.zeros(3, np.float32), TrainingSettings())
    with pytest.raises(ValueError, match="parameters must be as long as"):
        other.restore(state.counters(), state.arrays())


def test_batches_of_no_weight_are_passed_over():
    weights = np.ones(120)
    weights[48:96] = 0
    samples = Samples(X, Y, weights)
    np.testing.assert_array_equal(samples.with_weight(np.arange(120), 48), [*range(48), *range(96, 120)])
    one_class = np.zeros(120)
    one_class[:2] = 1.0  # most batches are left without a sample
    history = a_trainer().fit(X, Y, epochs=3, sample_weight=one_class)
    assert np.isfinite(history.loss).all()
    assert history.epochs[-1].step < 9
