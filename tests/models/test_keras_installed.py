"""Models of Keras as it is installed, with PyTorch below it if nothing else is named."""

import os

import numpy as np
import pytest

from fastnet.models import from_keras
from fastnet.models.keras import KNOWN

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras' own code

RNG = np.random.default_rng(0)
X = RNG.normal(1.0, 2.0, (20, 4))


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip(os.environ["KERAS_BACKEND"])
    return pytest.importorskip("keras")


def theirs(keras, hidden, end="softmax"):
    layers = keras.layers
    start = [layers.Input((2, 3)), layers.Rescaling(0.5, 0.1), layers.Normalization(mean=[1, 2, 3], variance=[1, 2, 3])]
    return keras.Sequential([
        *start, layers.Flatten(), layers.Dense(5), layers.Dropout(0.3), hidden, layers.GaussianNoise(0.1),
        keras.Sequential([layers.Dense(4, "tanh", use_bias=False)]), layers.Dense(3, end),
    ])  # fmt: skip


def doubled(x):
    return x + x


def test_models_of_keras_predict_the_same(keras):
    layers, images = keras.layers, RNG.normal(size=(7, 2, 3)).astype(np.float32)
    hidden = [layers.ReLU(), layers.LeakyReLU(negative_slope=0.01), layers.ELU(), layers.Activation("swish")]
    hidden += [layers.Activation(name) for name in ("sigmoid", "tanh", "selu", "softplus", "mish", "linear", "elu")]
    for between in hidden:
        for end in ("softmax", "sigmoid", "linear", "exponential"):
            model = theirs(keras, between, end)
            ours = from_keras(model)
            assert ours.image_shape == (2, 3)
            expected = model.predict(images, verbose=0)
            x = images.reshape(7, 6)
            actual = ours.predict_proba(x) if end in ("softmax", "sigmoid") else ours.predict(x)
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_functional_models_of_keras_must_be_stacks(keras):
    layers, inputs = keras.layers, keras.Input((4,))
    hidden = layers.Dense(3, "relu")(inputs)
    model = keras.Model(inputs, layers.Dense(2, "softmax")(hidden))
    np.testing.assert_allclose(from_keras(model).predict_proba(X), model.predict(X, verbose=0), rtol=1e-4, atol=1e-6)
    twice = layers.Dense(4)
    for bad in (layers.Add()([hidden, layers.Dense(3)(hidden)]), twice(twice(inputs))):
        with pytest.raises(ValueError, match="must follow one another"):
            from_keras(keras.Model(inputs, bad))

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x) + 1

    own = Own()
    own(X)
    with pytest.raises(ValueError, match="must follow one another"):
        from_keras(own)


def test_layers_of_keras_that_cannot_be_taken_are_named(keras):
    for kind in ("PReLU", "BatchNormalization", "UnitNormalization"):
        assert kind not in KNOWN
        with pytest.raises(ValueError, match=f"is a {kind}, expected one of Dense"):
            from_keras(theirs(keras, getattr(keras.layers, kind)(name="odd")))
    for hidden, message in (
        (keras.layers.LeakyReLU(), "negative_slope=0.3"),
        (keras.layers.Activation("gelu"), "gelu by erf"),
        (keras.layers.Activation(doubled), "doubled of one's own"),
    ):
        with pytest.raises(ValueError, match=message):
            from_keras(theirs(keras, hidden))
    with pytest.raises(ValueError, match="has no weights yet"):
        from_keras(keras.Sequential([keras.layers.Dense(3)]))
    logits = theirs(keras, keras.layers.ReLU(), "linear")
    logits.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert from_keras(logits).loss == "cross_entropy"
