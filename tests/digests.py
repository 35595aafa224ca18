"""Small runs of everything that is compiled, and a digest of each one's bits: the same on every machine.

`python tests/digests.py` writes them to `digests.json`, with which `test_digests.py` compares; with names of runs, it
prints theirs.
"""

import hashlib
import json
import math
import sys
from functools import partial
from pathlib import Path

import numpy as np

from fastnet import kernels
from fastnet.kernels.step.driver import epochs
from fastnet.measure.cases import DTYPES, HYPERPARAMETERS, STATE_NAMES, Training, network
from fastnet.measure.cases.activations import NAMES
from fastnet.measure.cases.networks import samples
from fastnet.validation.activations import FROM_INPUT

epochs.WORTH_COMPILING = 0  # runs with many zeros leave them out, be they ever so short

TABLE = Path(__file__).with_name("digests.json")


class Words:
    """Numbers from a generator's words, in place of `numpy.random.Generator`.

    NumPy promises to keep the words of PCG64, not what it makes of them, and its normal distribution takes
    logarithms from the C library.
    """

    def __init__(self, seed):
        self._bits = np.random.PCG64(seed)

    def random(self, size):
        return (self._bits.random_raw(size) >> np.uint64(11)) * 2.0**-53

    def uniform(self, low, high, size):
        return low + (high - low) * self.random(size)

    def normal(self, size):
        """Sum four numbers of 16 bits; the variance is 1, but for these being whole."""
        quarters = self._bits.random_raw(size).reshape(*size, 1).view(np.uint16)
        return (quarters.sum(axis=-1, dtype=np.int64) - 131070) * (math.sqrt(3) / 2**16)

    def integers(self, low, high, size):
        return low + (self._bits.random_raw(size) % np.uint64(high - low)).astype(np.int64)

    def poisson(self, mean, size):
        """Count from 0 to twice the mean, which is all that a loss asks for."""
        return self.integers(0, int(2 * mean) + 1, size)

    def permutation(self, n):
        return np.argsort(self._bits.random_raw(n), kind="stable")


def train(training, dtype):
    """Train with a team of two; its bits are those of any other."""
    return train_on(training.make(np.dtype(dtype), Words(7)))


def train_until_denormal(dtype):
    """Start with means so small that they leave the normal numbers where inputs, and so gradients, are zero."""
    arguments = Training(60, (20, 33, 4), ("relu",), "cross_entropy", "adam", 8).make(np.dtype(dtype), Words(7))
    arguments["x"][:, ::2] = 0
    for slot in arguments["state"]:
        slot[...] = 1.004 * np.finfo(dtype).tiny
    return train_on(arguments)


def train_on(arguments):
    totals = kernels.train_epoch(**arguments, n_threads=2)
    return [*totals, arguments["parameters"], *arguments["state"]]


def predict(n, sizes, activations, x_dtype, dtype):
    words, dtype = Words(7), np.dtype(dtype)
    x, scale = samples(n, sizes[0], x_dtype, dtype, words)
    parameters = network(sizes, dtype, words)
    return [kernels.predict_logits(parameters, x, sizes, activations, scale, n_threads=2)]


def differentiate(training, dtype):
    """Gradient of a loss; without a penalty, whose squares NumPy adds up."""
    return kernels.loss_gradient(**training.make_gradient(np.dtype(dtype), Words(7)), n_threads=2)


def activate(dtype):
    """All activations and their gradients, of ordinary numbers and of extremes."""
    ends = [0.0, 1e-30, 1e-3, 0.5, 9.0, 17.0, 40.0, 88.0, 103.0, 1e4, 1e30, np.inf]
    ordinary = 4 * Words(7).normal((4, 35))
    x = np.concatenate([ordinary, np.resize([*ends, *(-end for end in ends)], (1, 35))]).astype(dtype)
    dy, results = np.flip(x[:4]).copy(), []
    for name in NAMES:
        y = getattr(kernels, f"{name}_forward")(x)
        results += [y, getattr(kernels, f"{name}_backward")(dy, x[:4] if name in FROM_INPUT else y[:4])]
    return results


def compare_answers(dtype):
    """All losses and their gradients."""
    words, shape = Words(7), (9, 35)
    x, targets, labels = 3 * words.normal(shape), words.integers(0, 4, shape), words.integers(0, shape[1], shape[0])
    x, targets, results = x.astype(dtype), targets.astype(dtype), []
    for name in ("softmax_cross_entropy", "softmax_squared_error", "binary_cross_entropy"):
        answers = np.minimum(targets, 1) if name.startswith("binary") else labels
        loss, probs = getattr(kernels, f"{name}_forward")(x, answers)
        results += [loss, probs, getattr(kernels, f"{name}_backward")(probs, answers)]
    for name in ("squared_error", "absolute_error", "huber", "poisson"):
        results += [getattr(kernels, f"{name}_{way}")(x, targets) for way in ("forward", "backward")]
    return results


def multiply(dtype):
    """Products of layers and of stacks of matrices, in every way."""
    words = Words(7)
    x, W, b, dz = (words.normal(shape).astype(dtype) for shape in ((29, 130), (130, 37), (37,), (29, 37)))
    a, B, dy = (words.normal(shape).astype(dtype) for shape in ((5, 13, 24), (24, 18), (5, 13, 18)))
    z, y = kernels.linear_forward(x, W, b), kernels.linear_relu_forward(x, W, b)
    results = [z, y, *kernels.linear_backward(dz, x, W), *kernels.linear_relu_backward(dz, y, x, W)]
    return [*results, kernels.matmul_forward(a, B), *kernels.matmul_backward(dy, a, B)]


def step(dtype):
    """Steps of all optimizers, one of them so late that powers of the means' rates are nearly nothing; and dropout."""
    words, results = Words(7), []
    for name, slots in STATE_NAMES.items():
        for t in (3, 70_001):
            p, g, *state = (words.normal((131,)).astype(dtype) for _ in range(2 + len(slots)))
            state[1:] = [v * v for v in state[1:]]
            settings = HYPERPARAMETERS[name] | ({"t": t} if len(slots) == 2 else {})
            getattr(kernels, "momentum_step" if name == "nesterov" else f"{name}_step")(p, g, *state, **settings)
            results += [p, *state]
    return [*results, kernels.dropout_forward(words.normal((7, 33)).astype(dtype), 0.3, 2**31 + 7)]


PIXELS, FLOAT32, FLOAT64 = np.uint8, *DTYPES
SAMPLE = [  # for vectors of every width: a first layer of each kind, and a batch in blocks
    Training(540, (13, 40, 5), ("relu",), "cross_entropy", "adam", 517),
    Training(70, (300, 7, 3), ("relu",), "cross_entropy", "adam", 16),
    Training(60, (130, 18, 4), ("relu",), "cross_entropy", "adam", 16, filled=0.2),
]
TRAININGS = {
    FLOAT32: [
        *SAMPLE,
        Training(50, (30, 96, 64, 5), ("sigmoid", "tanh"), "squared_error", "sgd", 24),  # partitioned by columns
        Training(50, (40, 33, 3), ("identity",), "binary_cross_entropy", "momentum", 16, clip_value=0.05, filled=0.2),
        Training(50, (256, 10), (), "absolute_error", "nesterov", 16),
        Training(20, (40, 150, 20, 3), ("tanh", "relu"), "cross_entropy", "sgd", 1),
        Training(50, (5, 33, 17, 4), ("elu", "leaky_relu"), "poisson", "adamw", 16, dropout=(0.1, 0.6)),
        Training(
            50, (64, 130, 5), ("softplus",), "softmax_squared_error", "adam", 9, clip_norm=0.1, l2=0.1, bias=False
        ),
        Training(
            50, (300, 5, 12, 2), ("selu", "silu"), ("huber", 0.5), "sgd", 16, clip_norm=0.3, clip_value=0.1,
            weighted=True,
        ),
        Training(
            50, (70, 33, 3), ("gelu",), ("cross_entropy", 0.1), "momentum", 16, step=(1 << 33) + 1, weighted=True,
            l2=0.2, dropout=(0.3,), filled=0.2,
        ),
        Training(60, (50, 20, 3), ("relu",), "cross_entropy", "adam", 16, PIXELS),
        Training(50, (400, 5, 2), ("tanh",), "binary_cross_entropy", "sgd", 16, PIXELS),
        Training(50, (130, 18, 4), ("relu",), "squared_error", "adamw", 16, PIXELS, l2=0.1, filled=0.1),
    ],
    FLOAT64: [
        Training(540, (13, 40, 5), ("relu",), "cross_entropy", "adam", 517, step=70_000),
        Training(50, (300, 7, 12, 3), ("gelu", "tanh"), "poisson", "adamw", 16, l2=0.1, dropout=(0.0, 0.3)),
        Training(50, (70, 33, 3), ("selu",), "huber", "sgd", 16, clip_norm=0.3, filled=0.2),
        Training(20, (40, 90, 20, 3), ("relu", "tanh"), "cross_entropy", "adam", 3),
        Training(50, (9, 31, 17, 4), ("sigmoid", "softplus"), ("cross_entropy", 0.2), "nesterov", 16, bias=False),
        Training(50, (50, 20, 3), ("elu",), "softmax_squared_error", "momentum", 16, PIXELS, weighted=True),
    ],
}  # fmt: skip
DEEP = (21, 35, 18, 5), ("relu", "tanh")
INFERENCES = [(301, *DEEP, None), (3, *DEEP, None), (40, *DEEP, PIXELS)]
GRADIENT = Training(300, (13, 16, 4), ("silu",), "cross_entropy", "sgd", 300, weighted=True)


def name_of(what, dtype):
    return f"{what}, {np.dtype(dtype).name}"


def all_runs():
    """Return what to call for the results of each run, by name."""
    runs = {}
    for dtype in DTYPES:
        for training in TRAININGS[dtype]:
            runs[name_of(training, dtype)] = partial(train, training, dtype)
        for n, sizes, activations, x_dtype in INFERENCES:
            kind = "pixels" if x_dtype else "floats"
            runs[name_of(f"predict {n} {kind}", dtype)] = partial(predict, n, sizes, activations, x_dtype, dtype)
        runs[name_of(f"gradient {GRADIENT}", dtype)] = partial(differentiate, GRADIENT, dtype)
        for what in (train_until_denormal, activate, compare_answers, multiply, step):
            runs[name_of(what.__name__.replace("_", " "), dtype)] = partial(what, dtype)
    return runs


RUNS = all_runs()
SAMPLED = [name_of(training, FLOAT32) for training in SAMPLE]


def digest_of(name):
    """Return a digest of the results of a run, in which a NaN is a NaN: processors make them with either sign."""
    digest = hashlib.sha256()
    for result in RUNS[name]():
        array = np.array(result)
        if array.dtype.kind == "f":
            array[np.isnan(array)] = np.nan
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def main(names):
    """Print the digests of some runs, or write those of all."""
    digests = {name: digest_of(name) for name in names or RUNS}
    text = json.dumps(digests, indent=2)
    if names:
        print(text)
    else:
        TABLE.write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
