import numpy as np
import pytest

import fastnet
from fastnet import Network


def test_parameters_are_one_vector_and_layers_are_views_into_it():
    network = Network([3, 4, 2], seed=0)
    assert network.parameters.shape == (3 * 4 + 4 + 4 * 2 + 2,)
    network.weights[1][2, 1] = 7.0
    network.biases[0][3] = 5.0
    assert network.parameters[3 * 4 + 4 + 2 * 2 + 1] == 7.0
    assert network.parameters[3 * 4 + 3] == 5.0


@pytest.mark.parametrize(
    ("init", "bound", "deviation"),
    [
        ("glorot_uniform", np.sqrt(6 / 500), np.sqrt(2 / 500)),
        ("he_uniform", np.sqrt(6 / 300), np.sqrt(2 / 300)),
        ("glorot_normal", np.inf, np.sqrt(2 / 500)),
        ("he_normal", np.inf, np.sqrt(2 / 300)),
        ("uniform", 0.5, 1 / np.sqrt(12)),
    ],
)
def test_weights_have_the_spread_of_their_init(init, bound, deviation):
    network = Network([300, 200], init=init, seed=3, dtype=np.float64)
    W, b = network.weights[0], network.biases[0]
    assert abs(W).max() <= bound
    # the standard error of a deviation over n draws is at most deviation / sqrt(n) for these distributions
    assert W.std() == pytest.approx(deviation, abs=5 * deviation / np.sqrt(W.size))
    assert abs(W.mean()) < 5 * deviation / np.sqrt(W.size)
    assert (b != 0).all() if init == "uniform" else (b == 0).all()


def test_auto_init_is_he_before_a_relu_and_glorot_elsewhere():
    sizes = [50, 40, 30, 20]
    network = Network(sizes, ["relu", "tanh"], seed=0, dtype=np.float64)
    bounds = [np.sqrt(6 / 50), np.sqrt(6 / 70), np.sqrt(6 / 50)]
    for W, bound in zip(network.weights, bounds, strict=True):
        assert 0.97 * bound < abs(W).max() <= bound


def test_the_same_seed_gives_the_same_parameters_and_another_one_others():
    first, second, third = (Network([5, 4, 3], seed=seed).parameters for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_float32_parameters_are_the_rounded_float64_ones():
    single, double = (Network([9, 8, 7], seed=5, dtype=dtype).parameters for dtype in (np.float32, np.float64))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, double.astype(np.float32))


def test_summary_counts_every_layer():
    lines = Network([784, 128, 10], "tanh", seed=0).summary().splitlines()
    assert lines[1].split() == ["1", "784", "->", "128", "tanh", "100,480"]
    assert lines[2].split() == ["2", "128", "->", "10", "identity", "1,290"]
    assert lines[3].split() == ["total", "101,770"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [3]}, "sizes must hold at least two sizes"),
        ({"sizes": [3, 0]}, r"sizes\[1\] must be at least 1, got 0"),
        ({"sizes": [3, 2.5]}, r"sizes\[1\] must be an integer, got float"),
        ({"sizes": 3}, "sizes must be a sequence of integers, got int"),
        ({"activations": "swish"}, "activations must be one of relu, .*, got 'swish'"),
        ({"activations": ["relu", "relu"]}, "activations must hold 1 names"),
        ({"init": "zeros"}, "init must be one of auto, .*, got 'zeros'"),
        ({"dtype": np.float16}, "dtype must be float32 or float64, got float16"),
        ({"input_scale": np.nan}, "input_scale must be finite, got nan"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Network(**{"sizes": [3, 4, 2], **arguments})


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        (fastnet.SGD, {"lr": -1}, "lr must lie in"),
        (fastnet.SGD, {"momentum": "a"}, "momentum must be a number, got str"),
        (fastnet.SGD, {"nesterov": 1}, "nesterov must be True or False"),
        (fastnet.Adam, {"beta1": 1.0}, "beta1 must lie in"),
        (fastnet.AdamW, {"weight_decay": np.inf}, "weight_decay must be finite"),
    ],
)
def test_bad_optimizer_settings_are_named(settings, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        settings(**arguments)
