"""What each operation of the reference accepts and rejects: dtypes, layouts, sizes, `out`."""

from itertools import product

import numpy as np
import pytest
from operations import each_operation

from fastnet import reference

DTYPES = (np.float32, np.float64)
LABELS = np.array([1, 0, 2, 1, 2])
FROM_OUTPUT = ("relu", "sigmoid", "tanh", "identity", "leaky_relu", "elu", "selu", "softplus")
FROM_INPUT = ("gelu", "silu")
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


def test_table_holds_every_operation():
    apart = {"Totals", "dropout_key", "layer_slices", "loss_gradient", "prepare_training", "train_epoch"}
    assert set(TABLE) == set(reference.__all__) - apart


@each_operation(PURE)
def test_dtype_is_kept_and_inputs_are_untouched(name):
    for dtype in DTYPES:
        arguments, before = make(name, dtype), make(name, dtype)
        result = call(name, arguments)
        actual = [(one.shape, one.dtype) for one in arrays_of(result)]
        assert actual == [(shape, dtype) for shape in TABLE[name][2]]
        if name.endswith(("entropy_forward", "error_forward", "huber_forward", "poisson_forward")):
            assert type(result[0] if isinstance(result, tuple) else result) is float
        for argument in TABLE[name][0]:
            np.testing.assert_array_equal(arguments[argument], before[argument])
            assert not any(np.may_share_memory(one, arguments[argument]) for one in arrays_of(result))


def as_read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def as_reversed_view(array):
    return array[::-1].copy()[::-1]


def as_strided_view(array):
    padded = np.repeat(array, 3, axis=-1)
    return padded[..., 1::3]


@each_operation(PURE)
def test_layout_does_not_matter(name):
    expected = arrays_of(call(name, make(name)))
    for layout in (as_read_only, np.asfortranarray, as_reversed_view, as_strided_view):
        arguments = make(name)
        for argument in TABLE[name][0]:
            arguments[argument] = layout(arguments[argument])
        # BLAS may sum a product in another order for another layout: five terms below 1 each.
        for actual, one in zip(arrays_of(call(name, arguments)), expected, strict=True):
            np.testing.assert_allclose(actual, one, rtol=0, atol=10 * np.finfo(np.float64).eps)


@each_operation(PURE)
def test_no_sample_one_sample_and_one_class(name):
    for dtype, n_samples, n_classes in product(DTYPES, (0, 1), (1, 3)):
        size = {5: n_samples, 3: 3 if name == "predict_logits" else n_classes}
        arguments = make(name, dtype)
        for argument, shape in TABLE[name][0].items():
            arguments[argument] = np.full([size.get(n, n) for n in shape], 0.5, dtype)
        if name in WITH_LABELS:
            arguments["labels"] = np.zeros(n_samples, int)
        result = call(name, arguments)
        actual = [(one.shape, one.dtype) for one in arrays_of(result)]
        assert actual == [(tuple(size.get(n, n) for n in shape), dtype) for shape in TABLE[name][2]]
        assert all(np.isfinite(one).all() for one in arrays_of(result))
        if n_samples == 0 and not arrays_of(result):
            assert result == 0.0
        if n_samples == 0 and name.endswith("entropy_forward"):
            assert result[0] == 0.0


@each_operation(ELEMENTWISE)
def test_elementwise_operations_take_any_number_of_dimensions(name):
    for shape in ((), (4,), (2, 3, 4), (0, 2)):
        x = np.full(shape, 0.5, np.float32)
        y = getattr(reference, f"{name}_forward")(x)
        dx = getattr(reference, f"{name}_backward")(x, y)
        for actual in (y, dx):
            assert isinstance(actual, np.ndarray)
            assert (actual.shape, actual.dtype) == (shape, np.float32)


@each_operation(WITH_OUT)
def test_out_receives_the_result(name):
    expected = arrays_of(call(name, make(name)))
    out = make_out(name)
    actual = arrays_of(call(name, make(name), out=out))
    outs = out if isinstance(out, tuple) else (out,)
    for one, given, wanted in zip(actual, outs, expected, strict=True):
        assert one is given
        np.testing.assert_array_equal(one, wanted)


@each_operation(IN_PLACE)
def test_out_may_be_an_input_where_rows_do_not_mix(name):
    expected = arrays_of(call(name, make(name)))[0]
    for argument in TABLE[name][0]:
        arguments = make(name)
        actual = arrays_of(call(name, arguments, out=arguments[argument]))[0]
        assert actual is arguments[argument]
        np.testing.assert_array_equal(actual, expected)


@each_operation(WITH_OUT)
def test_unsuitable_out_is_rejected(name):
    out = make_out(name)
    several = isinstance(out, tuple)
    last = out[-1] if several else out
    word = rf"out\[{len(out) - 1}\]" if several else "out"

    def attempt(replacement):
        call(name, make(name), out=(*out[:-1], replacement) if several else replacement)

    with pytest.raises(TypeError, match=f"{word} must be a float64 array, got list"):
        attempt(last.tolist())
    with pytest.raises(TypeError, match=f"{word} must be a float64 array, got float32"):
        attempt(last.astype(np.float32))
    with pytest.raises(ValueError, match=rf"{word} must have shape .*, got \({last.shape[0] + 1},"):
        attempt(np.concatenate([last, last[:1]]))
    with pytest.raises(ValueError, match=f"{word} must be writable"):
        attempt(as_read_only(last))


@each_operation([name for name in WITH_OUT if len(TABLE[name][2]) > 1])
def test_out_of_several_results_is_a_tuple_of_arrays_apart(name):
    n = len(TABLE[name][2])
    with pytest.raises(TypeError, match=f"out must be a tuple of {n} arrays, got ndarray"):
        call(name, make(name), out=np.zeros((5, 4)))
    with pytest.raises(ValueError, match=f"out must be a tuple of {n} arrays, got 1"):
        call(name, make(name), out=(np.zeros((5, 4)),))
    flat = np.zeros(1000)
    views = [flat[: int(np.prod(shape))].reshape(shape) for shape in TABLE[name][2]]
    with pytest.raises(ValueError, match=r"out\[1\] must not share memory"):
        call(name, make(name), out=tuple(views))


@each_operation(PRODUCTS)
def test_out_of_a_product_must_not_overlap_an_input(name):
    for argument, shape in TABLE[name][0].items():
        memory, size = np.full(1000, 0.5), int(np.prod(shape))
        arguments = {**make(name), argument: memory[:size].reshape(shape)}
        first = memory[size - 1 :][: int(np.prod(TABLE[name][2][0]))].reshape(TABLE[name][2][0])
        out = make_out(name)
        with pytest.raises(ValueError, match="must not share memory"):
            call(name, arguments, out=(first, *out[1:]) if isinstance(out, tuple) else first)


@each_operation(IN_PLACE)
def test_out_must_not_overlap_an_input_in_part(name):
    arguments = make(name)
    memory = np.full((6, 3), 0.5)
    arguments[next(iter(TABLE[name][0]))] = memory[:-1]
    with pytest.raises(ValueError, match="out must not share memory"):
        call(name, arguments, out=memory[1:])


@each_operation(TABLE)
def test_wrong_types_are_rejected(name):
    for argument in TABLE[name][0]:
        array = make(name)[argument]
        wrong = [
            (array.tolist(), "list"),
            (array.astype(np.int64), "int64"),
            (array.astype(np.float16), "float16"),
            (array.astype(array.dtype.newbyteorder()), ".f8"),
            (np.ma.masked_array(array), "MaskedArray"),
            (None, "NoneType"),
        ]
        for value, got in wrong:
            with pytest.raises(TypeError, match=rf"\b{argument} must be a float.*array, got {got}"):
                call(name, {**make(name), argument: value})


@each_operation(PAIRED)
def test_mixed_dtypes_are_rejected(name):
    for argument in TABLE[name][0]:
        arguments = make(name)
        arguments[argument] = arguments[argument].astype(np.float32)
        # Whichever comes first sets the dtype, and the message names both dtypes.
        message = rf"\b{argument}\b.*float64.*float32|{argument}.*float32 and float64"
        if name == "predict_logits":
            message = "x must be a float(32|64) or uint8 array, got float(64|32)"
        with pytest.raises(TypeError, match=message):
            call(name, arguments)


@each_operation(SHAPED)
def test_wrong_numbers_of_dimensions_are_rejected(name):
    for argument in TABLE[name][0]:
        arguments = make(name)
        array = arguments[argument]
        arguments[argument] = array[0] if argument != "a" and array.ndim > 1 else array.reshape(-1, 1, 1, 1)
        with pytest.raises(ValueError, match=r"must have (shape|batch dimensions) .*, got \("):
            call(name, arguments)


FREE = {
    "matmul_forward": {("a", 0), ("a", 1), ("b", 1)},
    **{name: {("x", 0)} for name in ("linear_forward", "linear_relu_forward", "predict_logits")},
}
"""Axes of arguments that may have any length: samples, a batch dimension, m and n."""


@each_operation(PAIRED)
def test_lengths_that_do_not_fit_are_rejected(name):
    axes = {(argument, axis) for argument, shape in TABLE[name][0].items() for axis in range(len(shape))}
    for argument, axis in axes - FREE.get(name, set()):
        arguments = make(name)
        arguments[argument] = np.repeat(arguments[argument], 2, axis=axis)
        with pytest.raises(ValueError, match=r"must have shape \(.*\), got \("):
            call(name, arguments)


def test_batch_dimensions_that_do_not_broadcast_are_rejected():
    with pytest.raises(ValueError, match=r"batch dimensions that broadcast with \(2,\), got \(3,\)"):
        reference.matmul_forward(np.zeros((2, 5, 4)), np.zeros((3, 4, 3)))


def test_message_names_argument_expectation_and_shape():
    with pytest.raises(ValueError, match=r"^W must have shape \(3, out_features\), got \(4, 5\)$"):
        reference.linear_forward(np.zeros((2, 3)), np.zeros((4, 5)), np.zeros(5))
    with pytest.raises(TypeError, match=r"^x and W must share one dtype, got float32 and float64$"):
        reference.linear_forward(np.zeros((2, 3), np.float32), np.zeros((3, 5)), np.zeros(5))


@each_operation([name for name in PURE if "softmax" in name])
def test_rows_without_classes_are_rejected(name):
    arguments = {**make(name), **{argument: np.zeros((5, 0)) for argument in TABLE[name][0]}}
    with pytest.raises(ValueError, match="at least one class"):
        call(name, arguments)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (LABELS.tolist(), TypeError, "got list"),
        (LABELS.astype(float), TypeError, "got float64"),
        (LABELS > 0, TypeError, "got bool"),
        (LABELS[:4], ValueError, r"shape \(5,\), got \(4,\)"),
        (LABELS[:, None], ValueError, r"shape \(5,\), got \(5, 1\)"),
        (LABELS + 1, ValueError, r"\[0, n_classes\) = \[0, 3\), got values from 1 to 3"),
        (LABELS - 1, ValueError, "got values from -1 to 1"),
    ],
)
def test_bad_labels_are_rejected(labels, error, message):
    for name in WITH_LABELS:
        with pytest.raises(error, match=f"^labels must .*{message}"):
            call(name, {**make(name), "labels": labels})


@each_operation(WITH_LABELS)
def test_labels_may_be_any_integers(name):
    expected = arrays_of(call(name, make(name)))[0]
    for dtype in (np.int8, np.uint8, np.int32, np.uint64):
        actual = arrays_of(call(name, {**make(name), "labels": LABELS.astype(dtype)}))[0]
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("names", "setting", "values"),
    [
        ([name for name in WITH_LABELS if "cross_entropy" in name], "label_smoothing", (1.0, -0.1, np.nan)),
        (["huber_forward", "huber_backward"], "delta", (0.0, -1.0, np.inf)),
        (["dropout_forward", "dropout_backward"], "rate", (1.0, -0.1, np.nan)),
        (["dropout_forward", "dropout_backward"], "key", (-1, 2**32)),
    ],
)
def test_settings_out_of_range_are_rejected(names, setting, values):
    for name in names:
        for value in values:
            with pytest.raises(ValueError, match=f"^{setting} must .*, got "):
                call(name, {**make(name), setting: value})
        for value in ("1", None, 1j):
            with pytest.raises(TypeError, match=f"^{setting} must be an? (number|integer), got {type(value).__name__}"):
                call(name, {**make(name), setting: value})


@pytest.mark.parametrize(("word", "bits"), [("seed", 64), ("step", 64), ("layer", 32)])
def test_words_of_a_dropout_key_are_checked(word, bits):
    words = {"seed": 1, "step": 2, "layer": 3}
    for value in (-1, 2**bits):
        with pytest.raises(ValueError, match=f"^{word} must .*, got {value}$"):
            reference.dropout_key(**{**words, word: value})
    for value in (1.0, True, "1", None):
        with pytest.raises(TypeError, match=f"^{word} must be an integer, got {type(value).__name__}"):
            reference.dropout_key(**{**words, word: value})
    keys = [reference.dropout_key(**{**words, word: value}) for value in (0, np.int64(1), 2**bits - 1)]
    assert all(type(key) is int and 0 <= key < 2**32 for key in keys)


@each_operation(STEPS)
def test_steps_reject_vectors_they_cannot_write_or_tell_apart(name):
    written = [argument for argument in TABLE[name][0] if argument != "g"]
    for argument in written:
        arguments = make(name)
        arguments[argument] = as_read_only(arguments[argument])
        with pytest.raises(ValueError, match=f"{argument} must be writable"):
            call(name, arguments)
    with pytest.raises(ValueError, match="g must not share memory"):
        call(name, {**make(name), "p": (p := np.ones(7)), "g": p})


@each_operation(STEPS)
def test_steps_reject_bad_hyperparameters_and_touch_nothing(name):
    for hyperparameter in TABLE[name][1]:
        for value, error in (
            (-1, ValueError),
            ("0.1", TypeError),
            (None, TypeError),
            (np.nan, (ValueError, TypeError)),
        ):
            arguments, before = make(name), make(name)
            if hyperparameter == "nesterov":
                error = TypeError
            with pytest.raises(error, match=f"^{hyperparameter} must"):
                call(name, {**arguments, hyperparameter: value})
            np.testing.assert_array_equal(arguments["p"], before["p"])


@pytest.mark.parametrize("name", ["adam_step", "adamw_step"])
@pytest.mark.parametrize(("hyperparameter", "value"), [("beta1", 1.0), ("beta2", 1.0), ("t", 0)])
def test_adam_rejects_what_would_divide_by_zero(name, hyperparameter, value):
    with pytest.raises(ValueError, match=f"^{hyperparameter} must"):
        call(name, {**make(name), hyperparameter: value})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", STEPS)
def test_steps_keep_dtype_and_take_strided_vectors(name, dtype):
    expected, actual = make(name, dtype), make(name, dtype)
    for argument in TABLE[name][0]:
        actual[argument] = as_strided_view(actual[argument])
    before = expected["p"].copy()
    assert call(name, expected) is None
    call(name, actual)
    for argument in TABLE[name][0]:
        assert actual[argument].dtype == dtype
        np.testing.assert_array_equal(actual[argument], expected[argument])
    assert not np.array_equal(before, expected["p"])
