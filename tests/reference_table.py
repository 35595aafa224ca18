"""Each operation of the reference with arguments that it accepts, for tests of what it accepts and rejects."""

import numpy as np

from fastnet import reference
from fastnet.validation.activations import ACTIVATIONS, FROM_INPUT

DTYPES = (np.float32, np.float64)
LABELS = np.array([1, 0, 2, 1, 2])
FROM_OUTPUT = tuple(name for name in ACTIVATIONS if name not in FROM_INPUT)
ELEMENTWISE = (*FROM_OUTPUT, *FROM_INPUT)

# name -> (shapes of the floating-point arguments, further arguments, shapes of what `out` receives)
FORWARD = {
    **{f"{name}_forward": ({"x": (5, 3)}, {}, [(5, 3)]) for name in (*ELEMENTWISE, "softmax", "log_softmax")},
    **{f"{name}_forward": ({"x": (5, 4), "W": (4, 3), "b": (3,)}, {}, [(5, 3)]) for name in ("linear", "linear_relu")},
    "matmul_forward": ({"a": (2, 5, 4), "b": (4, 3)}, {}, [(2, 5, 3)]),
    "softmax_cross_entropy_forward": ({"logits": (5, 3)}, {"labels": LABELS}, [(5, 3)]),
    "softmax_squared_error_forward": ({"logits": (5, 3)}, {"labels": LABELS}, [(5, 3)]),
    "binary_cross_entropy_forward": ({"logits": (5, 3), "targets": (5, 3)}, {}, [(5, 3)]),
    **{
        f"{name}_forward": ({"predictions": (5, 3), "targets": (5, 3)}, {}, [])
        for name in ("squared_error", "absolute_error", "huber")
    },
    "quantile_forward": ({"predictions": (5, 3), "targets": (5, 3)}, {"levels": (0.1, 0.5, 0.9)}, []),
    "poisson_forward": ({"logits": (5, 3), "targets": (5, 3)}, {}, []),
    "dropout_forward": ({"x": (5, 3)}, {"rate": 0.25, "key": 7}, [(5, 3)]),
    "predict_logits": (
        {"parameters": (44,), "x": (5, 3)},
        {"sizes": (3, 5, 4), "activations": ["tanh"]},
        [(5, 4)],
    ),
}
BACKWARD = {
    **{
        f"{name}_backward": ({"dy": (5, 3), "y": (5, 3)}, {}, [(5, 3)])
        for name in (*FROM_OUTPUT, "softmax", "log_softmax")
    },
    **{f"{name}_backward": ({"dy": (5, 3), "x": (5, 3)}, {}, [(5, 3)]) for name in FROM_INPUT},
    "dropout_backward": ({"dy": (5, 3)}, {"rate": 0.25, "key": 7}, [(5, 3)]),
    "linear_backward": ({"dz": (5, 3), "x": (5, 4), "W": (4, 3)}, {}, [(5, 4), (4, 3), (3,)]),
    "linear_relu_backward": (
        {"dy": (5, 3), "y": (5, 3), "x": (5, 4), "W": (4, 3)},
        {},
        [(5, 4), (4, 3), (3,)],
    ),
    "matmul_backward": ({"dc": (2, 5, 3), "a": (2, 5, 4), "b": (4, 3)}, {}, [(2, 5, 4), (4, 3)]),
    "softmax_cross_entropy_backward": ({"probs": (5, 3)}, {"labels": LABELS}, [(5, 3)]),
    "softmax_squared_error_backward": ({"probs": (5, 3)}, {"labels": LABELS}, [(5, 3)]),
    "binary_cross_entropy_backward": ({"probs": (5, 3), "targets": (5, 3)}, {}, [(5, 3)]),
    **{
        f"{name}_backward": ({"predictions": (5, 3), "targets": (5, 3)}, {}, [(5, 3)])
        for name in ("squared_error", "absolute_error", "huber")
    },
    "quantile_backward": ({"predictions": (5, 3), "targets": (5, 3)}, {"levels": (0.1, 0.5, 0.9)}, [(5, 3)]),
    "poisson_backward": ({"logits": (5, 3), "targets": (5, 3)}, {}, [(5, 3)]),
}
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-6}
STEPS = {
    "sgd_step": ({"p": (7,), "g": (7,)}, {"lr": 0.1}, []),
    "momentum_step": ({"p": (7,), "g": (7,), "v": (7,)}, {"lr": 0.1, "momentum": 0.9, "nesterov": True}, []),
    "adam_step": ({"p": (7,), "g": (7,), "m": (7,), "v": (7,)}, {**ADAM, "t": 2}, []),
    "adamw_step": (
        {"p": (7,), "g": (7,), "m": (7,), "v": (7,)},
        {**ADAM, "weight_decay": 0.1, "t": 2},
        [],
    ),
}
PURE = {**FORWARD, **BACKWARD}
TABLE = {**PURE, **STEPS}
WITH_OUT = [name for name, (_, _, results) in PURE.items() if results]
WITH_LABELS = [name for name in PURE if name.startswith(("softmax_cross_entropy", "softmax_squared_error"))]
# An elementwise operation of one argument takes any shape.
ROWS = ("softmax_forward", "log_softmax_forward", "dropout_forward")
SHAPED = [name for name, (shapes, _, _) in TABLE.items() if shapes != {"x": (5, 3)} or name in ROWS]
PAIRED = [name for name, (shapes, _, _) in TABLE.items() if len(shapes) > 1]
PRODUCTS = [name for name in WITH_OUT if name.startswith(("linear", "matmul", "predict"))]
IN_PLACE = [name for name in WITH_OUT if name not in PRODUCTS]


def make(name, dtype=np.float64):
    shapes, others, _ = TABLE[name]
    rng = np.random.default_rng(0)
    # Between 0.1 and 0.9: probabilities, running means and targets must be such numbers.
    arrays = {argument: rng.uniform(0.1, 0.9, shape).astype(dtype) for argument, shape in shapes.items()}
    return {**arrays, **others}


def call(name, arguments, **more):
    return getattr(reference, name)(**arguments, **more)


def arrays_of(result):
    """Return the arrays among an operation's results, losses set aside."""
    results = result if isinstance(result, tuple) else (result,)
    return [one for one in results if isinstance(one, np.ndarray)]


def make_out(name, dtype=np.float64):
    results = [np.full(shape, 7, dtype) for shape in TABLE[name][2]]
    return tuple(results) if len(results) > 1 else results[0]


def as_read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def as_reversed_view(array):
    return array[::-1].copy()[::-1]


def as_strided_view(array):
    padded = np.repeat(array, 3, axis=-1)
    return padded[..., 1::3]
