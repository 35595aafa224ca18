"""Learning rates over a run: the schedules by themselves, and as the trainer and the estimators use them."""

import numpy as np
import pytest

import fastnet.reference
from fastnet import SGD, MLPRegressor, Network, Trainer
from fastnet.training.schedules import SCHEDULES, cosine, coslog4, linear, one_cycle, progress_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PEAK = 0.02


@pytest.fixture
def used(monkeypatch):
    """The learning rate of every call that takes steps."""
    prepare, rates = fastnet.reference.prepare_training, []

    def prepare_and_note(*args, **kwargs):
        train = prepare(*args, **kwargs)

        def note(order, step=0, lr=None):
            rates.extend([PEAK if lr is None else lr] * (order.size > 0))
            return train(order, step, lr)

        return note

    monkeypatch.setattr(fastnet.reference, "prepare_training", prepare_and_note)
    return rates


def run_trainer(schedule, epochs, n_samples=8, batch_size=None):
    X, y = np.linspace(-1, 1, n_samples)[:, None], np.zeros(n_samples)
    network = Network([1, 1], dtype=np.float64, seed=0)
    trainer = Trainer(network, SGD(PEAK), "squared_error", batch_size, "numpy", seed=0, schedule=schedule)
    return trainer.fit(X, y, epochs=epochs)


def run_estimator(schedule, epochs, **settings):
    X, y = np.linspace(-1, 1, 8)[:, None], np.zeros(8)
    plain = {"solver": "sgd", "learning_rate_init": PEAK, "batch_size": 8, "backend": "numpy", "random_state": 0}
    settings = plain | {"tol": 0.0, "n_iter_no_change": epochs} | settings
    MLPRegressor(hidden_layer_sizes=(1,), learning_rate=schedule, max_iter=epochs, **settings).fit(X, y)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (linear, [1.0, 0.75, 0.5, 0.25, 0.0]),
        (cosine, [1.0, 0.8535533905932737, 0.5, 0.14644660940672624, 0.0]),
        # a wave of 0.04 to 1 after 5/6 of the rise, and of 1 to 4e-6 after 2/7 and 9/14 of the fall
        (one_cycle, [0.04, 0.9356921938165306, 0.811745653949763, 0.28306099820869923, 4e-6]),
    ],
)
def test_schedules_at_the_quarters_of_a_run(schedule, expected):
    actual = [schedule(progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-16)


def test_one_cycle_begins_no_lower_than_it_ends():
    assert [one_cycle(progress, end=0.1) for progress in (0.0, 0.3, 1.0)] == pytest.approx([0.1, 1.0, 0.1])


@pytest.mark.parametrize("epochs", [1, 2, 9, 40])
@pytest.mark.parametrize("name", SCHEDULES)
def test_trainer_and_estimators_have_the_same_rates(name, epochs, used):
    run_trainer(name, epochs)
    by_trainer = used.copy()
    used.clear()
    run_estimator(name, epochs)
    assert len(by_trainer) == epochs
    np.testing.assert_allclose(used, by_trainer, rtol=1e-12)


def test_one_cycle_ends_with_its_final_rate(used):
    run_trainer("one_cycle", epochs=5)
    expected = [one_cycle(i / 4) for i in range(5)]
    np.testing.assert_allclose(used, PEAK * np.array(expected), rtol=1e-12)
    assert used[-1] == pytest.approx(used[0] / 10_000)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_a_fall_to_nothing_spends_no_step_on_a_rate_of_zero(name, used):
    run_trainer(name, epochs=5)
    expected = [SCHEDULES[name](i / 5) for i in range(5)]
    np.testing.assert_allclose(used, PEAK * np.array(expected), rtol=1e-12)
    assert min(used) > 0


def test_rates_of_many_steps_each_begin_and_end_where_those_of_single_steps_do(used):
    history = run_trainer("one_cycle", epochs=3, n_samples=700, batch_size=10)
    assert 32 <= len(used) / 3 < history.epochs[0].step
    np.testing.assert_allclose([used[0], max(used), used[-1]], [PEAK / 25, PEAK, PEAK / 250_000], rtol=0.01)
    peak = np.argmax(used)
    assert (np.diff(used[: peak + 1]) > 0).all()
    assert (np.diff(used[peak:]) < 0).all()


@pytest.mark.parametrize(("kind", "first"), [("cosine", PEAK), ("one_cycle", PEAK / 10)])
def test_the_last_epoch_of_an_estimator_has_the_least_rate(kind, first, used):
    run_estimator(kind, 12, min_learning_rate=PEAK / 10)
    np.testing.assert_allclose([used[0], used[-1]], [first, PEAK / 10])
    assert min(used) >= PEAK / 10


@pytest.mark.parametrize("kind", ["cosine", "one_cycle", "step"])
def test_no_rate_of_an_estimator_is_below_the_least(kind, used):
    run_estimator(kind, 12, min_learning_rate=2 * PEAK)
    assert used == [2 * PEAK] * 12


def test_warm_up_reaches_the_schedule_with_its_last_epoch(used):
    run_estimator("constant", 6, warmup=4)
    np.testing.assert_allclose(used, PEAK * np.array([0.25, 0.5, 0.75, 1.0, 1.0, 1.0]))


def test_epochs_beyond_the_run_keep_its_last_rate():
    assert [progress_of(done, 1, 3, ends_at_zero=False) for done in (0, 1, 2, 3, 10)] == [0.0, 0.5, 1.0, 1.0, 1.0]
    assert [progress_of(done, 1, 1, ends_at_zero=False) for done in (0, 1)] == [0.0, 1.0]
    assert [progress_of(done, 1, 4, ends_at_zero=True) for done in (0, 1, 3, 4, 10)] == [0.0, 0.25, 0.75, 1.0, 1.0]


def test_coslog4_rises_four_times_to_one_in_steps_that_double():
    values = np.array([coslog4(i / 15000) for i in range(15001)])
    peaks = [(2 ** (k + 0.5) - 1) / 15 for k in range(4)]
    assert [coslog4(peak) for peak in peaks] == pytest.approx([1.0] * 4)
    assert [coslog4((2**k - 1) / 15) for k in range(5)] == pytest.approx([0.0] * 5, abs=1e-12)
    rises = np.diff(values) > 0
    assert np.count_nonzero(rises[1:] & ~rises[:-1]) + rises[0] == 4
