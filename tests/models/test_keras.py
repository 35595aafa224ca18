"""Models of Keras, by objects that tell of themselves what Keras' tell."""

from types import SimpleNamespace

import numpy as np
import pytest

from fastnet.models import from_keras
from fastnet.preprocessing import Preprocessing

RNG = np.random.default_rng(0)
X = RNG.normal(1.0, 2.0, (20, 4))


def layer(kind, weights=(), **config):
    """Make what Keras' layer of a kind is to a reader."""
    name = config.pop("name", kind.lower())
    own = {key: config.pop(key) for key in ("mean", "variance") if key in config}
    return type(kind, (SimpleNamespace,), {})(
        name=name, get_config=lambda: config, get_weights=lambda: list(weights), **own
    )


def dense(n_in, n_out, activation="linear", use_bias=True, dtype=np.float64, **config):
    weights = [RNG.normal(size=(n_in, n_out)).astype(dtype), RNG.normal(size=n_out).astype(dtype)]
    return layer("Dense", weights[: 1 + use_bias], activation=activation, use_bias=use_bias, **config)


def sequential(*layers, shape=(None, 4), **attributes):
    model = layer("Sequential")
    model.__dict__.update(layers=list(layers), input_shape=shape, **attributes)
    return model


def outputs(W, b, x):
    return x @ W + (0 if b is None else b)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_layers_become_a_network_with_the_same_outputs():
    first, second = dense(4, 5, "tanh"), dense(5, 3, "softmax")
    model = from_keras(sequential(layer("InputLayer"), first, layer("Dropout", rate=0.5), second))
    assert (model.network.sizes, model.network.activations, model.loss) == ((4, 5, 3), ("tanh",), "cross_entropy")
    expected = softmax(outputs(*second.get_weights(), np.tanh(outputs(*first.get_weights(), X))))
    np.testing.assert_allclose(model.predict_proba(X, "numpy"), expected, rtol=1e-12)


ACTIVATIONS = {
    "relu": (layer("ReLU", max_value=None, negative_slope=0.0, threshold=0.0), "relu"),
    "leaky": (layer("LeakyReLU", negative_slope=0.01), "leaky_relu"),
    "leaky in float32": (layer("LeakyReLU", negative_slope=float(np.float32(0.01))), "leaky_relu"),
    "leaky of Keras 2": (layer("LeakyReLU", alpha=0.01), "leaky_relu"),
    "relu that leaks": (layer("ReLU", max_value=None, negative_slope=0.01, threshold=0.0), "leaky_relu"),
    "elu": (layer("ELU", alpha=1.0), "elu"),
    "swish": (layer("Activation", activation="swish"), "silu"),
    "linear": (layer("Activation", activation="linear"), "identity"),
    **{name: (layer("Activation", activation=name), name) for name in ("sigmoid", "selu", "softplus", "mish", "tanh")},
}


@pytest.mark.parametrize("what", ACTIVATIONS)
def test_an_activation_may_be_a_layer(what):
    between, expected = ACTIVATIONS[what]
    model = from_keras(sequential(dense(4, 5), between, dense(5, 1)))
    assert model.network.activations == (expected,)


@pytest.mark.parametrize(
    ("end", "loss"),
    [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy"), ("exponential", "poisson"),
     ("linear", "squared_error")],
)  # fmt: skip
@pytest.mark.parametrize("apart", [True, False])
def test_the_end_says_what_outputs_mean(end, loss, apart):
    last = [dense(4, 2), layer("Activation", activation=end)] if apart else [dense(4, 2, end)]
    assert from_keras(sequential(*last)).loss == loss


@pytest.mark.parametrize(
    ("name", "from_logits", "loss"),
    [
        ("sparse_categorical_crossentropy", True, "cross_entropy"),
        ("binary_crossentropy", True, "binary_cross_entropy"),
        ("binary_crossentropy", False, "squared_error"),
        ("mean_squared_error", None, "squared_error"),
    ],
)
def test_outputs_are_logits_where_the_loss_said_so(name, from_logits, loss):
    compiled = SimpleNamespace(get_config=lambda: {"name": name, "from_logits": from_logits})
    assert from_keras(sequential(dense(4, 2), loss=compiled)).loss == loss
    assert from_keras(sequential(dense(4, 2), loss=name)).loss == "squared_error"
    assert from_keras(sequential(dense(4, 2), loss=compiled), loss="huber").loss == "huber"


def test_scaling_becomes_part_of_the_model():
    first = dense(4, 3)
    pixels = from_keras(sequential(layer("Rescaling", scale=1 / 255, offset=0.0), first))
    assert pixels.preprocessing is None
    assert pixels.network.input_scale == 1 / 255
    mean, variance = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[1.0, 4.0, 0.25, 0.0]])
    steps = layer("Rescaling", scale=0.5, offset=-1.0), layer("Normalization", mean=mean, variance=variance, axis=(-1,))
    both = from_keras(sequential(*steps, first))
    expected = outputs(*first.get_weights(), (0.5 * X - 1 - mean) / np.maximum(np.sqrt(variance), 1e-7))
    np.testing.assert_allclose(both.predict_logits(X, "numpy"), expected, rtol=1e-9)
    assert isinstance(both.preprocessing, Preprocessing)


def test_images_are_flattened_with_what_belongs_to_their_channels():
    first, mean = dense(12, 2), np.array([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3)
    steps = layer("Rescaling", scale=[1.0, 2.0, 0.5], offset=0.0), layer("Normalization", mean=mean, variance=mean)
    model = from_keras(sequential(*steps, layer("Flatten", data_format="channels_last"), first, shape=(None, 2, 2, 3)))
    assert model.image_shape == (2, 2, 3)
    images = RNG.normal(size=(5, 2, 2, 3))
    prepared = (images * [1.0, 2.0, 0.5] - mean) / np.sqrt(mean)
    expected = outputs(*first.get_weights(), prepared.reshape(5, 12))
    np.testing.assert_allclose(model.predict_logits(images.reshape(5, 12), "numpy"), expected, rtol=1e-9)


def test_biases_may_be_lacking_in_some_layers_or_all():
    some, none = (sequential(dense(4, 3, use_bias=bias), dense(3, 1, use_bias=False)) for bias in (True, False))
    assert (from_keras(some).network.bias, from_keras(none).network.bias) == (True, False)
    assert not from_keras(some).network.biases[1].any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_precision_is_kept_from_float32_on(dtype):
    model = from_keras(sequential(dense(4, 3, "relu", dtype=dtype), dense(3, 1, dtype=dtype)))
    assert model.network.dtype == (np.float64 if dtype == np.float64 else np.float32)


def test_models_within_models_are_stacks_too():
    inner = sequential(dense(4, 3, "relu"), sequential(dense(3, 3, "tanh")))
    assert from_keras(sequential(inner, dense(3, 1))).network.activations == ("relu", "tanh")


def test_other_activations_are_taken_where_they_are_named():
    exact = sequential(dense(4, 3, "gelu"), dense(3, 1))
    with pytest.raises(ValueError, match="layer 'dense' has the activation gelu by erf, expected one of relu"):
        from_keras(exact)
    assert from_keras(exact, "gelu").network.activations == ("gelu",)
    assert from_keras(exact, ["gelu"], labels=("a",), loss="cross_entropy").labels == ("a",)


def functional(*layers, output=None):
    for before, after in zip([None, *layers], layers, strict=False):
        after.input, after.output = getattr(before, "output", object()), object()
    model = layer("Functional")
    model.__dict__.update(layers=list(layers), output=output or layers[-1].output)
    return model


def test_functional_models_must_be_a_stack():
    layers = layer("InputLayer"), dense(4, 3, "relu"), dense(3, 1)
    assert from_keras(functional(*layers)).network.sizes == (4, 3, 1)
    for change in ({"output": layers[1].output}, {"output": object()}):
        with pytest.raises(ValueError, match="layers of 'functional' must follow one another, each called once"):
            from_keras(functional(*layers, **change))
    model = functional(*layers)
    layers[2].input = [layers[0].output, layers[1].output]
    with pytest.raises(ValueError, match="must follow one another"):
        from_keras(model)
    del layers[1].input
    with pytest.raises(ValueError, match="must follow one another"):
        from_keras(model)


NORMALIZATION = {"mean": np.zeros(4), "variance": np.ones(4)}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([layer("Conv2D", name="conv")], "layer 'conv' is a Conv2D, expected one of Dense, Activation, "),
        ([dense(4, 3, "relu"), layer("LSTM")], "layer 'lstm' is a LSTM, expected one of"),
        ([layer("BatchNormalization"), dense(4, 3)], "layer 'batchnormalization' is a BatchNormalization, expected"),
        ([], "must have a Dense layer at least, got none"),
        ([layer("Dense", activation="relu", name="new")], "layer 'new' has no weights yet: build the model"),
        ([layer("Dense", [np.ones((4, 2))])], "layer 'dense' must have a kernel and a bias, got 1 weights"),
        ([layer("Dense", [np.full((4, 2), np.nan)], use_bias=False)], "layer 'dense' must have finite floats"),
        ([layer("Dense", [np.ones((4, 2), np.int8)], use_bias=False)], "finite floats as weights, got int8"),
        ([layer("ReLU", name="first"), dense(4, 2)], "layer 'first' is an activation of inputs"),
        ([dense(4, 3, "relu"), layer("ELU", alpha=1.0)], "layer 'elu' is a second activation"),
        ([dense(4, 3, name="a"), layer("LeakyReLU", negative_slope=0.3), dense(3, 1)],
         "layer 'leakyrelu' has the activation leaky_relu with negative_slope=0.3, expected one of relu, .* 0.01"),
        ([dense(4, 3, "leaky_relu"), dense(3, 1)], "activation leaky_relu with negative_slope=0.2, expected"),
        ([dense(4, 3), layer("ReLU", max_value=6.0, threshold=0.0), dense(3, 1)], "relu with max_value=6.0"),
        ([dense(4, 3), layer("ELU", alpha=2.0), dense(3, 1)], "elu with alpha=2.0"),
        ([dense(4, 3, "hard_sigmoid", name="hard"), dense(3, 1)], "layer 'hard' has the activation hard_sigmoid"),
        ([dense(4, 3, {"config": "mine", "class_name": "function"}), dense(3, 1)], "activation mine of one's own"),
        ([dense(4, 3, {"config": {"value": []}}), dense(3, 1)], "activation a function of one's own"),
        ([dense(4, 3, "softmax"), dense(3, 1)], "layer 'dense' has the activation softmax, expected one of relu"),
        ([dense(4, 3, "relu", name="end")], "the last layer 'end' has the activation relu, expected one of identity"),
        ([dense(4, 3), layer("Softmax", axis=0)], "softmax along axis 0, expected one of identity"),
        ([dense(4, 3), layer("Rescaling", scale=2.0, offset=0)], "layer 'rescaling' is a Rescaling, expected before"),
        ([layer("Rescaling", scale=[0.0, 1, 1, 1], offset=1.0), dense(4, 1)], "Rescaling must not multiply by 0"),
        ([layer("Normalization", invert=True, **NORMALIZATION), dense(4, 1)], "must have invert=False"),
        ([layer("Normalization", mean=None, variance=None), dense(4, 1)], "knows no mean yet: adapt it first"),
        ([layer("Reshape", target_shape=(2, 2)), dense(2, 1)], r"must make vectors, got target_shape=\(2, 2\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_named(layers, message):
    with pytest.raises(ValueError, match=f"^model.*{message}"):
        from_keras(sequential(*layers))


def test_images_must_be_flattened_as_they_lie():
    with pytest.raises(ValueError, match=r"layer 'dense' gets inputs of shape \(2, 2\), expected a Flatten before"):
        from_keras(sequential(dense(2, 3), shape=(None, 2, 2)))
    with pytest.raises(ValueError, match="must have data_format='channels_last', got 'channels_first'"):
        from_keras(sequential(layer("Flatten", data_format="channels_first"), dense(4, 3), shape=(None, 2, 2)))


def test_a_loss_must_fit_the_end():
    with pytest.raises(ValueError, match=r"loss, for outputs of softmax, must be one of cross_entropy, .* 'huber'"):
        from_keras(sequential(dense(4, 3, "softmax")), loss="huber")


@pytest.mark.parametrize(("model", "got"), [(3, "int"), ("m.keras", "str: read the file by"), ({}, "dict")])
def test_what_is_no_model_is_named(model, got):
    with pytest.raises(TypeError, match=f"model must be a model of Keras, got {got}"):
        from_keras(model)
