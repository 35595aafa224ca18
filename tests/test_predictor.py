import pickle

import numpy as np
import pytest

from fastnet import Network, Predictor, Trainer, reference
from fastnet import predictor as predictor_module


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 2), (7, 5, 3), (64, 33, 18, 10)], ids=str)
def test_a_predictor_gives_the_bits_of_the_trainer(dtype, sizes):
    rng = np.random.default_rng(0)
    network = Network(sizes, "tanh", seed=1, dtype=dtype, input_scale=0.5)
    trainer, predictor = Trainer(network), Predictor(network)
    for X in (rng.normal(size=(9, sizes[0])).astype(dtype), rng.integers(0, 256, (9, sizes[0])).astype(np.uint8)):
        expected_classes, expected = trainer.predict(X), trainer.predict_logits(X)
        for i, x in enumerate(X):
            assert predictor(x) == expected_classes[i]
            np.testing.assert_array_equal(predictor.logits, expected[i])


def test_a_predictor_follows_further_training():
    network = Network([2, 2], seed=0)
    predictor = Predictor(network)
    network.weights[0][:] = [[1, 0], [0, 1]]
    assert predictor(np.array([1, 2], np.float32)) == 1
    network.weights[0][:] = [[0, 1], [1, 0]]
    assert predictor(np.array([1, 2], np.float32)) == 0


def test_other_numbers_and_layouts_are_converted():
    network = Network([3, 4, 2], seed=0)
    predictor = Predictor(network)
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
        Predictor(Network([3, 2], seed=0))(x)


def test_what_is_no_network_is_named():
    with pytest.raises(TypeError, match="network must be a Network, got str"):
        Predictor("model")


def test_a_predictor_can_be_pickled():
    network = Network([3, 4, 2], seed=0)
    x = np.array([3, 1, 2], np.float32)
    copy = pickle.loads(pickle.dumps(Predictor(network)))
    assert copy(x) == Predictor(network)(x)
    np.testing.assert_array_equal(copy.logits, Trainer(network).predict_logits(x[None])[0])


def test_finite_inputs_whose_outputs_are_not_get_an_answer():
    network = Network([2, 2], seed=0)
    network.weights[0][:] = [[3e38, 1], [-3e38, 1]]
    assert Predictor(network)(np.array([10, 10], np.float32)) == 0  # where NumPy finds the largest: at the NaN


def test_without_a_compiler_the_reference_answers():
    network = Network((7, 5, 3), ("tanh",), seed=0)
    row, logits = np.linspace(-1, 1, 7, dtype=np.float32)[None], np.empty((1, 3), np.float32)
    run = predictor_module._uncompiled(network, row, logits)
    assert run() == Predictor(network)(row[0])
    np.testing.assert_array_equal(logits, reference.predict_logits(network.parameters, row, (7, 5, 3), ("tanh",)))
    row[0, 0] = np.nan
    assert run() == -1
