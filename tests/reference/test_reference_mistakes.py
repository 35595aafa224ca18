"""What each operation of the reference rejects: types, shapes, labels, settings."""

import numpy as np
import pytest
from operations import each_operation
from reference_table import LABELS, PAIRED, PURE, SHAPED, STEPS, TABLE, WITH_LABELS, arrays_of, as_read_only, call, make

from fastnet import reference


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
