import functools
import inspect
import itertools

import numpy as np
import pytest
from chunk_ends import ChunkEnd
from tiers import tiered

from fastnet import SGD, Adam, AdamW, Network, Trainer, kernels
from fastnet.datasets import load_digits

OPTIMIZERS = [SGD(0.1), SGD(0.05, 0.9), SGD(0.05, 0.9, nesterov=True), Adam(0.002), AdamW(0.002, 0.1)]


def digits_trainer(backend, optimizer, dtype=np.float32, loss="cross_entropy", **settings):
    network = Network([64, 32, 20, 10], ["relu", "tanh"], seed=1, dtype=dtype, input_scale=1 / 16)
    return Trainer(network, optimizer, loss, **{"batch_size": 48, "backend": backend, "seed": 2, **settings})


def targets_of(labels, loss):
    return labels if loss == "cross_entropy" else np.eye(10)[labels]


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@tiered(
    ("optimizer", "loss"),
    itertools.product(OPTIMIZERS, ["cross_entropy", "binary_cross_entropy", "squared_error"]),
    lambda optimizer, loss: type(optimizer) is Adam or loss == "cross_entropy",
)
def test_both_backends_agree_over_several_epochs(digits, optimizer, loss):
    X, y = digits.X[:500], targets_of(digits.y, loss)
    histories, networks = [], []
    for backend in ("numpy", "numba"):
        trainer = digits_trainer(backend, optimizer, np.float64, loss)
        histories.append(trainer.fit(X, y[:500], (digits.X[500:700], y[500:700]), epochs=4))
        networks.append(trainer.network.parameters)
    expected, actual = histories
    # sums of a few hundred terms differ by some eps in each of 44 steps; training amplifies that, but not by 1e3
    np.testing.assert_allclose(actual.loss, expected.loss, rtol=1e-9)
    np.testing.assert_allclose(actual.validation_loss, expected.validation_loss, rtol=1e-9)
    assert actual.accuracy == expected.accuracy
    assert actual.validation_accuracy == expected.validation_accuracy
    np.testing.assert_allclose(networks[1], networks[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_decreases_the_loss_and_learns_the_digits(digits, backend, dtype):
    trainer = digits_trainer(backend, Adam(0.003), dtype)
    history = trainer.fit(digits.X[:1400], digits.y[:1400], epochs=15)
    assert history.loss[-1] < 0.1 * history.loss[0]
    evaluation = trainer.evaluate(digits.X[1400:], digits.y[1400:])
    assert evaluation.accuracy > 0.9
    assert trainer.network.parameters.dtype == dtype


@pytest.mark.parametrize("limits", [{"clip_norm": 0.2}, {"clip_value": 0.01}, {"clip_norm": 0.2, "clip_value": 0.01}])
@pytest.mark.parametrize("optimizer", [SGD(0.1), AdamW(0.002, 0.1)], ids=lambda optimizer: optimizer.as_tuple()[0])
def test_both_backends_agree_on_clipped_gradients(digits, optimizer, limits):
    histories, networks = [], []
    for backend, clipping in (("numpy", limits), ("numba", limits), ("numba", {})):
        trainer = digits_trainer(backend, optimizer, np.float64, **clipping)
        histories.append(trainer.fit(digits.X[:500], digits.y[:500], epochs=3))
        networks.append(trainer.network.parameters)
    # as above, over several epochs
    np.testing.assert_allclose(histories[1].loss, histories[0].loss, rtol=1e-9)
    np.testing.assert_allclose(networks[1], networks[0], rtol=1e-7, atol=1e-9)
    assert np.abs(networks[2] - networks[1]).max() > 1e-5, "nothing was clipped"


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    ("dtype", "sizes"), [(np.float64, [64, 20, 10]), (np.float64, [300, 10]), (np.float32, [64, 10])]
)
def test_a_clipped_step_is_as_long_as_asked_for(backend, dtype, sizes):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(400, sizes[0])), rng.integers(0, 10, 400)
    network = Network(sizes, seed=0, dtype=dtype)
    before = network.parameters.copy()
    trainer = Trainer(network, SGD(0.5), batch_size=400, backend=backend, clip_norm=0.25)
    trainer.fit(X, y, epochs=1)
    actual = np.linalg.norm(np.float64(network.parameters) - before)
    # parameters around 1 are rounded to eps / 2 of theirs, which adds up as the root of their number
    tolerance = np.sqrt(before.size) * np.abs(before).max() * np.finfo(dtype).eps
    assert actual == pytest.approx(0.5 * 0.25, abs=tolerance)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_no_element_of_a_clipped_step_is_larger_than_asked_for(digits, backend):
    trainer = digits_trainer(backend, SGD(0.5), np.float64, clip_value=0.002, batch_size=1797)
    before = trainer.network.parameters.copy()
    trainer.fit(digits.X, digits.y, epochs=1)
    steps = np.abs(trainer.network.parameters - before)
    assert steps.max() == pytest.approx(0.5 * 0.002)
    assert np.count_nonzero(steps > 0.5 * 0.00199) > 10


def test_history_has_a_figure_for_each_epoch(digits):
    seen = []
    trainer = digits_trainer("numba", SGD(0.1))
    history = trainer.fit(digits.X, digits.y, epochs=3, callbacks=[seen.append])
    assert seen == history.epochs
    assert [epoch.number for epoch in seen] == [1, 2, 3]
    for values in (history.loss, history.accuracy, history.seconds, history.samples_per_second):
        assert len(values) == 3
        assert min(values) > 0
    assert history.validation_loss == history.validation_accuracy == [None] * 3
    assert trainer.fit(digits.X, digits.y, epochs=1).epochs[0].number == 4


def test_two_fits_of_one_epoch_are_one_fit_of_two(digits):
    once, twice = (digits_trainer("numba", Adam()) for _ in range(2))
    once.fit(digits.X, digits.y, epochs=2)
    twice.fit(digits.X, digits.y, epochs=1)
    twice.fit(digits.X, digits.y, epochs=1)
    np.testing.assert_array_equal(once.network.parameters, twice.network.parameters)


def test_an_epoch_in_chunks_gives_the_same_bits(digits, monkeypatch):
    whole, chunked = (digits_trainer("numba", Adam()) for _ in range(2))
    whole.fit(digits.X, digits.y, epochs=2)
    monkeypatch.setattr("fastnet.training.loop.CHUNK_FLOP", 1)
    calls = []
    chunked.fit(digits.X, digits.y, epochs=2, callbacks=[ChunkEnd(lambda *chunk: calls.append(chunk))])
    np.testing.assert_array_equal(whole.network.parameters, chunked.network.parameters)
    assert len(calls) == 2 * int(np.ceil(1797 / 48))
    assert calls[-1] == (1797, 1797)


def test_an_interrupt_leaves_a_usable_network(digits, monkeypatch):
    monkeypatch.setattr("fastnet.training.loop.CHUNK_FLOP", 1)
    trainer = digits_trainer("numba", Adam())
    before = trainer.network.parameters.copy()

    def interrupt(done, total):
        if done > 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.fit(digits.X, digits.y, epochs=2, callbacks=[ChunkEnd(interrupt)])
    assert (trainer.network.parameters != before).any()
    assert np.isfinite(trainer.predict_proba(digits.X)).all()


def test_uint8_and_scaled_floats_train_the_same(digits):
    as_bytes = digits_trainer("numba", SGD(0.1))
    as_floats = digits_trainer("numba", SGD(0.1))
    as_floats.network.input_scale = 1.0
    as_bytes.fit(digits.X, digits.y, epochs=1)
    as_floats.fit(digits.X.astype(np.float32) * np.float32(1 / 16), digits.y, epochs=1)
    np.testing.assert_array_equal(as_bytes.network.parameters, as_floats.network.parameters)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_predictions_follow_the_loss(backend):
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    settings = {"backend": backend, "seed": 0, "batch_size": 4}
    regression = Trainer(Network([1, 1], seed=0, dtype=np.float64), SGD(0.2), "squared_error", **settings)
    regression.fit(X, 2 * X[:, 0] + 1, epochs=300)
    np.testing.assert_allclose(regression.predict(X), [1, 3, 5, 7], atol=1e-3)
    assert regression.evaluate(X, 2 * X + 1).accuracy is None
    with pytest.raises(ValueError, match="predict_proba needs a loss with probabilities"):
        regression.predict_proba(X)

    binary = Trainer(Network([1, 1], seed=0, dtype=np.float64), SGD(1.0), "binary_cross_entropy", **settings)
    binary.fit(X, X[:, 0] > 1.5, epochs=300)
    assert binary.predict(X).tolist() == [0, 0, 1, 1]
    assert binary.evaluate(X, X[:, 0] > 1.5).accuracy == 1.0
    assert binary.predict_proba(X).shape == (4, 1)

    classes = Trainer(Network([1, 2], seed=0, dtype=np.float64), SGD(1.0), **settings)
    classes.fit(X, [0, 0, 1, 1], epochs=300)
    assert classes.predict(X).tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(classes.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_accuracy_is_the_share_of_right_outputs(digits, backend):
    X, right = digits.X[:300], np.eye(10, dtype=bool)[digits.y[:300]]
    y = np.where(right, 0.9, 0.2)
    trainer = digits_trainer(backend, SGD(0.0), np.float64, "binary_cross_entropy")
    expected = np.mean((trainer.predict_proba(X) > 0.5) == right)
    assert 0.1 < expected < 0.9
    assert trainer.evaluate(X, y).accuracy == expected
    assert trainer.fit(X, y, epochs=1).accuracy == [expected]


def test_divergence_is_an_error_that_says_what_to_do():
    X = np.full((10, 3), 1e10, np.float32)
    trainer = Trainer(Network([3, 2], seed=0), SGD(1e10), "squared_error", 2, "numpy", seed=0)
    with pytest.raises(FloatingPointError, match=r"the loss became infinite or NaN in epoch \d; lower"):
        trainer.fit(X, np.ones((10, 2)), epochs=5)


def test_divergence_in_the_last_step_is_an_error_too():
    X = np.full((4, 3), 1e10, np.float32)
    trainer = Trainer(Network([3, 2], seed=0), SGD(1e38), "squared_error", 4, "numba", seed=0)
    with pytest.raises(FloatingPointError, match="the parameters became infinite or NaN in epoch 1"):
        trainer.fit(X, np.ones((4, 2)), epochs=1)


BAD_DATA = [
    (np.zeros((4, 2)), [0, 1, 0, 1], r"X must have shape \(n_samples, 3\), got \(4, 2\)"),
    (np.zeros(3), [0], r"X must have shape \(n_samples, 3\), got \(3,\)"),
    (np.zeros((0, 3)), np.zeros(0, int), "X must hold at least one sample, got none"),
    ([[0, 1, 2], [3, 4]], [0, 1], "X must be an array of numbers"),
    (np.array([["a", "b", "c"]]), [0], "X must be an array of numbers, got <U1"),
    ([[0, 0, 0], [0, np.nan, 0]], [0, 1], "X must be finite, got nan in row 1, column 1"),
    ([[0, 0, -np.inf]], [0], "X must be finite, got -inf in row 0, column 2"),
    ([[0, 0, 1e300]], [0], r"X must lie within the range of float32, got 1e\+300"),
    (np.zeros((2, 3)), [0], r"y must have shape \(2,\), one label a sample, got \(1,\)"),
    (np.zeros((2, 3)), [0, 2], "y must be integer labels from 0 to 1, got values from 0 to 2"),
    (np.zeros((2, 3)), [0, -1], "y must be integer labels from 0 to 1, got values from -1 to 0"),
    (np.zeros((2, 3)), [0, 0.5], "y must be integer labels from 0, got float64 values that are not whole"),
    (np.zeros((2, 3)), [0, np.nan], "y must be integer labels from 0"),
]


@pytest.mark.parametrize(("X", "y", "message"), BAD_DATA)
def test_bad_data_is_rejected_before_anything_is_trained(X, y, message):
    trainer = Trainer(Network([3, 2], seed=0), backend="numpy")
    before = trainer.network.parameters.copy()
    with pytest.raises((TypeError, ValueError), match=message):
        trainer.fit(X, y)
    np.testing.assert_array_equal(trainer.network.parameters, before)


def test_a_row_that_cannot_be_used_is_found_in_any_piece(monkeypatch):
    monkeypatch.setattr("fastnet.validation.inputs.CHECKED_ROWS", 6)
    X = np.zeros((7, 3))
    X[5, 2] = np.inf
    with pytest.raises(ValueError, match="X must be finite, got inf in row 5, column 2"):
        Trainer(Network([3, 2], seed=0), backend="numpy").predict(X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"network": "net"}, "network must be a Network, got str"),
        ({"optimizer": "adam"}, "optimizer must be SGD, Adam or AdamW settings, got str"),
        ({"loss": "hinge"}, "loss must be one of cross_entropy, .*, got 'hinge'"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.0}, "batch_size must be an integer, got float"),
        ({"backend": "torch"}, "backend must be one of numba, numpy, got 'torch'"),
        ({"n_threads": 0}, "n_threads must be at least 1, got 0"),
        ({"clip_norm": 0.0}, "clip_norm must be positive, got 0.0"),
        ({"clip_norm": "1"}, "clip_norm must be a number, got str"),
        ({"clip_value": -1}, "clip_value must be positive, got -1"),
        ({"clip_value": np.nan}, "clip_value must be finite, got nan"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Trainer(**{"network": Network([3, 2], seed=0), **arguments})


def test_bad_validation_and_targets_are_named():
    X = np.zeros((2, 3))
    trainer = Trainer(Network([3, 2], seed=0), backend="numpy")
    with pytest.raises(TypeError, match=r"validation must be a pair \(X, y\)"):
        trainer.fit(X, [0, 1], validation=X)
    with pytest.raises(ValueError, match="validation y must be integer labels from 0 to 1"):
        trainer.fit(X, [0, 1], validation=(X, [0, 7]))
    with pytest.raises(ValueError, match="epochs must be at least 0, got -1"):
        trainer.fit(X, [0, 1], epochs=-1)
    for loss, y, message in (
        ("binary_cross_entropy", [0, 2], r"y must lie in \[0, 1\], got values from 0 to 2"),
        ("poisson", [1, -0.5], r"y must not be negative for the poisson loss, got -0.5"),
        ("squared_error", np.zeros((2, 2)), r"y must have shape \(2, 1\), got \(2, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            Trainer(Network([3, 1], seed=0), loss=loss, backend="numpy").fit(X, y)


def test_kernels_get_as_many_threads_as_asked_for(digits, monkeypatch):
    told = []

    def noted(original, *args, **kwargs):
        told.append(inspect.signature(original).bind(*args, **kwargs).arguments["n_threads"])
        return original(*args, **kwargs)

    for name in ("prepare_training", "predict_logits"):
        monkeypatch.setattr(kernels, name, functools.partial(noted, getattr(kernels, name)))
    digits_trainer("numba", SGD(0.1), n_threads=1).fit(digits.X[:100], digits.y[:100], epochs=1)
    assert told == [1, 1]


def test_a_memory_mapped_read_only_file_trains(tmp_path, digits):
    np.save(tmp_path / "X.npy", digits.X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    from_file, from_memory = (digits_trainer("numba", SGD(0.1)) for _ in range(2))
    from_file.fit(mapped, digits.y, epochs=1)
    from_memory.fit(digits.X, digits.y, epochs=1)
    np.testing.assert_array_equal(from_file.network.parameters, from_memory.network.parameters)
