"""What each operation of the reference accepts: dtypes, layouts, sizes, `out`."""

from itertools import product

import numpy as np
import pytest
from operations import each_operation
from reference_table import (
    DTYPES,
    ELEMENTWISE,
    IN_PLACE,
    PRODUCTS,
    PURE,
    STEPS,
    TABLE,
    WITH_LABELS,
    WITH_OUT,
    arrays_of,
    as_read_only,
    as_reversed_view,
    as_strided_view,
    call,
    make,
    make_out,
)

from fastnet import reference


def test_table_holds_every_operation():
    apart = {"Groups", "Totals", "dropout_key", "layer_slices", "loss_gradient", "prepare_training", "train_epoch"}
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
        if "levels" in arguments:
            arguments["levels"] = (0.5,) * n_classes
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
