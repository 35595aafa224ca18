import pickle

import numpy as np
import pytest

from fastnet import Model, Network, Predictor, Trainer, reference
from fastnet import predictor as predictor_module
from fastnet.inference import class_count
from fastnet.preprocessing import Preprocessing
from fastnet.validation.training import LOSSES


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 2), (7, 5, 3), (64, 33, 18, 10)], ids=str)
def test_a_predictor_gives_the_bits_of_the_trainer(dtype, sizes):
    rng = np.random.default_rng(0)
    network = Network(sizes, "tanh", seed=1, dtype=dtype, input_scale=0.5)
    trainer, predictor = Trainer(network), Predictor(network, "cross_entropy")
    for X in (rng.normal(size=(9, sizes[0])).astype(dtype), rng.integers(0, 256, (9, sizes[0])).astype(np.uint8)):
        expected_classes, expected = trainer.predict(X), trainer.predict_logits(X)
        for i, x in enumerate(X):
            assert predictor(x) == expected_classes[i]
            np.testing.assert_array_equal(predictor.logits, expected[i])


def test_a_predictor_follows_further_training():
    network = Network([2, 2], seed=0)
    predictor = Predictor(network, "cross_entropy")
    network.weights[0][:] = [[1, 0], [0, 1]]
    assert predictor(np.array([1, 2], np.float32)) == 1
    network.weights[0][:] = [[0, 1], [1, 0]]
    assert predictor(np.array([1, 2], np.float32)) == 0


def test_other_numbers_and_layouts_are_converted():
    network = Network([3, 4, 2], seed=0)
    predictor = Predictor(network, "cross_entropy")
    expected = predictor(np.array([3, 1, 2], np.float32))
    x = np.zeros(9, np.float32)
    x[::3] = [3, 1, 2]
    x.flags.writeable = False
    for other in ([3, 1, 2], np.array([3, 1, 2]), np.array([3, 1, 2], np.float64), x[::3], np.uint8([3, 1, 2])):
        assert predictor(other) == expected


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(2, np.float32), r"x must have shape \(n_samples, 3\), got \(1, 2\)"),
        (np.zeros((1, 3), np.float32), "x must have shape"),
        (np.array([0, np.nan, 0], np.float32), "x must be finite, got nan in row 0, column 1"),
        (np.array(["a", "b", "c"]), "x must be an array of numbers"),
    ],
)
def test_bad_samples_are_named(x, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Predictor(Network([3, 2], seed=0), "cross_entropy")(x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("model",), TypeError, "model must be a Model or a Network, got str"),
        ((Network([3, 2], seed=0),), ValueError, "a Network does not know what its outputs mean, expected a Model"),
        ((Network([3, 2], seed=0), "accuracy"), ValueError, "loss must be one of .*, got 'accuracy'"),
        ((Network([3, 2], seed=0), ("huber", -1.0)), ValueError, "delta must be"),
        ((Model(Network([3, 2], seed=0)), "huber"), ValueError, "got 'huber' beside a Model, which has"),
    ],
)
def test_what_cannot_answer_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Predictor(*arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("preprocessed", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_predictor_answers_as_its_model_whatever_the_loss(loss, n_outputs, preprocessed, dtype):
    X = np.random.default_rng(0).normal(3, 2, (25, 4))
    network = Network([4, 6, n_outputs], "tanh", seed=n_outputs, dtype=dtype)
    preprocessing = Preprocessing.fit(X, "standardize") if preprocessed else None
    for labels in (None, ("a", "b", "c")[: class_count(loss, n_outputs) or n_outputs]):
        model = Model(network, loss, labels=labels, preprocessing=preprocessing)
        expected, predictor = model.predict(X), Predictor(model)
        for x, answer in zip(X, expected, strict=True):
            np.testing.assert_array_equal(predictor(x), answer)
            assert np.shape(predictor(x)) == answer.shape
        if preprocessing is None and labels is None:
            np.testing.assert_array_equal([Predictor(network, loss)(x) for x in X], expected)
    if loss == "binary_cross_entropy":
        assert len(np.unique(expected)) == 2


def test_answers_of_several_outputs_are_not_written_over():
    for loss in ("squared_error", "binary_cross_entropy", "poisson"):
        predictor = Predictor(Network([2, 3], seed=0), loss)
        first = predictor([1.0, 2.0])
        kept = first.copy()
        predictor([-3.0, 5.0])
        np.testing.assert_array_equal(first, kept)


def test_a_row_of_a_data_frame_is_matched_by_name():
    class Row(dict):
        index = property(lambda self: list(self))

    network = Network([2, 1], seed=0)
    network.weights[0][:] = [[1], [10]]
    model = Model(network, "squared_error", feature_names=("a", "b"), label_name="kind")
    for row in (Row(a=1.0, b=2.0), Row(b=2, a=True), Row(kind=7.0, b=2.0, a=1.0)):
        assert Predictor(model)(row) == 21
    with pytest.raises(ValueError, match="x: missing column 'b' and unknown column 'c'"):
        Predictor(model)(Row(a=1.0, c=2.0))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinite_samples_are_named_though_the_outputs_are_finite(value):
    network = Network([2, 2, 2], seed=0)
    network.weights[0][:] = -np.sign(np.nan_to_num(value, nan=1.0))
    with pytest.raises(ValueError, match=r"x must be finite, got .* in row 0, column 1"):
        Predictor(network, "cross_entropy")(np.array([0, value], np.float32))


def test_a_predictor_can_be_pickled():
    network = Network([3, 4, 2], seed=0)
    x = np.array([3, 1, 2], np.float32)
    copy = pickle.loads(pickle.dumps(Predictor(network, "cross_entropy")))
    assert copy(x) == Predictor(network, "cross_entropy")(x)
    np.testing.assert_array_equal(copy.logits, Trainer(network).predict_logits(x[None])[0])


def test_finite_inputs_whose_outputs_are_not_get_an_answer():
    network = Network([2, 2], seed=0)
    network.weights[0][:] = [[3e38, 1], [-3e38, 1]]
    predictor = Predictor(network, "cross_entropy")
    assert predictor(np.array([10, 10], np.float32)) == 0  # where NumPy finds the largest: at the NaN


def test_without_a_compiler_the_reference_answers():
    network = Network((7, 5, 3), ("tanh",), seed=0)
    row, logits = np.linspace(-1, 1, 7, dtype=np.float32)[None], np.empty((1, 3), np.float32)
    run = predictor_module._uncompiled(network, row, logits)
    assert run() == Predictor(network, "cross_entropy")(row[0])
    np.testing.assert_array_equal(logits, reference.predict_logits(network.parameters, row, (7, 5, 3), ("tanh",)))
    network.biases[1][1] = np.nan
    assert run() == -1
    row[0, 0] = np.nan
    assert run() == -2
