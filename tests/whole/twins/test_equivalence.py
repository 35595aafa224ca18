"""The kernels against the reference: every operation, at every size, in every layout."""

import inspect
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operations import arrays_in, each_operation
from tiers import tiered

from fastnet import kernels, reference
from fastnet.kernels.tile.micro_panels import TILE_ROWS, panel_width
from fastnet.measure.cases import CASES, DTYPES, Case, compare_results, run

SHARED = {"Groups", "Totals", "dropout_key", "layer_slices"}
OPERATIONS = sorted(set(reference.__all__) - SHARED)
OF_NETWORKS = ("predict_logits", "train_epoch", "prepare_training", "loss_gradient")


def representative_cases(condition=lambda case: True):
    """Parametrize a test with the small cases that a condition is true of, most of them for the exhaustive tests."""
    cases = ((case,) for case in CASES if not case.realistic and condition(case))
    return tiered(("case",), cases, lambda case: case.representative)


def check(case, dtype, arguments, expected=None, **more):
    """Run the kernel and compare with the reference; return the kernel's results."""
    expected = run(reference, case, case.arguments(dtype)) if expected is None else expected
    actual = run(kernels, case, arguments, **more)
    reason = compare_results(case, dtype, actual, expected)
    assert reason is None, f"{case}, {np.dtype(dtype)}: {reason}"
    return actual


def with_arrays(arguments, change, but=()):
    """Return arguments whose arrays went through `change`."""

    def changed(value):
        if isinstance(value, tuple) and value and isinstance(value[0], np.ndarray):
            return tuple(map(change, value))
        return change(value) if isinstance(value, np.ndarray) else value

    return {name: value if name in but else changed(value) for name, value in arguments.items()}


def as_strided(array):
    """Every second element along every axis of a larger array, whose other elements are NaN or 1."""
    if array.ndim == 0:
        return array.copy()
    fill = np.nan if array.dtype.kind == "f" else 1
    larger = np.full([2 * n + 1 for n in array.shape], fill, array.dtype)
    view = larger[tuple(slice(1, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def as_fortran(array):
    return np.asarray(array, order="F").copy(order="F")


def as_reversed(array):
    backwards = tuple(slice(None, None, -1) for _ in array.shape)
    return np.asarray(array[backwards].copy()[backwards]) if array.ndim else array.copy()


def as_read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def test_the_table_holds_every_operation_and_no_case_twice():
    assert {case.operation for case in CASES} == set(OPERATIONS)
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names)


def test_every_operation_has_a_representative_among_the_small_cases_of_every_change():
    representatives = [case for case in CASES if case.representative]
    assert {case.operation for case in representatives} == set(OPERATIONS)
    assert not any(case.realistic or case.exhaustive for case in representatives)


def test_the_table_reaches_around_the_tiles_of_this_machine():
    shapes = [case.arguments(np.float32) for case in CASES if case.operation == "linear_forward"]
    rows, columns = {len(one["x"]) for one in shapes}, {one["W"].shape[1] for one in shapes}
    assert {TILE_ROWS - 1, TILE_ROWS, TILE_ROWS + 1} <= rows
    for width in (panel_width(4), panel_width(8)):
        assert {width - 1, width, width + 1, width // 2, width // 2 + 1} <= columns


def test_modules_offer_the_same_names():
    assert kernels.__all__ == reference.__all__
    for name in SHARED:
        assert getattr(kernels, name) is getattr(reference, name)


def test_signatures_are_the_same():
    for name in OPERATIONS:
        signatures = [inspect.signature(getattr(module, name)).parameters.values() for module in (reference, kernels)]
        expected, actual = ([(one.name, one.default, one.kind) for one in several] for several in signatures)
        assert (name, actual) == (name, expected)


def check_once(case, dtype):
    """Compare results; nothing but what is to be updated was written to, and no result lies in an input's memory."""
    arguments, before = case.arguments(dtype), arrays_in(case.arguments(dtype))
    results = check(case, dtype, arguments)
    for (name, i), array in arrays_in(arguments).items():
        if name not in case.updates:
            np.testing.assert_array_equal(array, before[name, i], err_msg=f"{name} of {case} was written to")
            assert not any(np.may_share_memory(array, one) for one in results), (name, str(case))


@each_operation(name for name in OPERATIONS if name not in OF_NETWORKS)
def test_kernel_gives_the_result_of_the_reference_at_every_size(operation):
    for dtype, case in product(DTYPES, CASES):
        if case.operation == operation:
            check_once(case, dtype)


@tiered(("case",), ((case,) for case in CASES if case.operation in OF_NETWORKS), lambda case: not case.exhaustive)
def test_networks_have_the_results_of_the_reference(case):
    for dtype in DTYPES:
        check_once(case, dtype)


@representative_cases()
def test_layout_of_the_inputs_does_not_matter(case):
    for dtype in DTYPES:
        expected = run(reference, case, case.arguments(dtype))
        for layout in (as_strided, as_fortran, as_reversed, as_read_only):
            but = case.updates if layout is as_read_only else ()
            check(case, dtype, with_arrays(case.arguments(dtype), layout, but), expected)


@representative_cases(lambda case: case.updates)
def test_read_only_vectors_that_would_be_updated_are_left_alone(case):
    for dtype in DTYPES:
        arguments = with_arrays(case.arguments(dtype), as_read_only)
        with pytest.raises(ValueError, match="must be writable"):
            run(kernels, case, arguments)


def takes_out(case):
    return "out" in inspect.signature(getattr(reference, case.operation)).parameters


@representative_cases(takes_out)
def test_out_of_any_layout_receives_the_result(case):
    for dtype in DTYPES:
        expected = run(reference, case, case.arguments(dtype))
        blank = [np.full(one.shape, np.nan, one.dtype) for one in expected if isinstance(one, np.ndarray)]
        for layout in (np.array, as_strided, as_fortran, as_reversed):
            outs = tuple(map(layout, blank))
            actual = check(case, dtype, case.arguments(dtype), expected, out=outs if len(outs) > 1 else outs[0])
            for one, out in zip([one for one in actual if isinstance(one, np.ndarray)], outs, strict=True):
                assert one is out


@representative_cases(lambda case: case.in_place)
def test_out_may_be_an_input_or_another_view_of_it(case):
    layouts = np.array, as_strided, as_fortran
    for dtype, name, view, layout in product(DTYPES, case.in_place, (False, True), layouts):
        arguments = with_arrays(case.arguments(dtype), layout)
        out = arguments[name].view() if view else arguments[name]
        actual = check(case, dtype, arguments, out=out)
        assert actual[-1] is out


def with_one_nan(case, dtype, name, i):
    """Return a case's arguments with a NaN in the middle of an array; None where it can hold none."""
    arguments = case.arguments(dtype)
    array = arrays_in(arguments)[name, i]
    if array.dtype.kind != "f" or array.size == 0 or name == "sample_weight":  # these must be finite
        return None
    array.flat[array.size // 2] = np.nan
    return arguments


@representative_cases(lambda case: "extremes" not in case.size and "filled" not in case.size)
def test_nan_stays_nan_at_the_same_places(case):
    """Not of inputs that are mostly zeros: those times NaN are left out."""
    for dtype in DTYPES:
        for name, i in arrays_in(case.arguments(dtype)):
            arguments = [with_one_nan(case, dtype, name, i) for _ in range(2)]
            if arguments[0] is None:
                continue
            results = (run(module, case, one) for module, one in zip((reference, kernels), arguments, strict=True))
            for expected, actual in zip(*results, strict=True):
                np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected), err_msg=f"NaN in {name}")


lengths = st.integers(0, 40)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(m=lengths, k=lengths, n=lengths, seed=st.integers(0, 99), dtype=st.sampled_from(DTYPES))
def test_linear_layers_of_any_shape(m, k, n, seed, dtype):
    rng = np.random.default_rng(seed)
    x, W, b = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), n))
    (like,) = [case for case in CASES if str(case) == "linear_forward-1x1x1"]
    case = Case("linear_forward", "", lambda *_: {"x": x, "W": W, "b": b}, like.bounds)
    check(case, dtype, {"x": x, "W": W, "b": b})


@st.composite
def stacks(draw):
    """Shapes of a and b whose batch dimensions broadcast."""
    full = draw(st.lists(st.integers(0, 3), max_size=2))
    m, k, n = (draw(st.integers(0, 20)) for _ in range(3))
    keep = [[draw(st.booleans()) for _ in full] for _ in range(2)]
    batches = [[size if kept else 1 for size, kept in zip(full, one, strict=True)] for one in keep]
    return (*batches[0], m, k), (*batches[1][draw(st.integers(0, len(full))) :], k, n)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(shapes=stacks(), seed=st.integers(0, 99), dtype=st.sampled_from(DTYPES))
def test_stacks_of_any_shape(shapes, seed, dtype):
    rng = np.random.default_rng(seed)
    operands = {name: rng.normal(size=shape).astype(dtype) for name, shape in zip("ab", shapes, strict=True)}
    dc = rng.normal(size=np.matmul(*operands.values()).shape).astype(dtype)
    for name, arguments in (("matmul_forward", operands), ("matmul_backward", {"dc": dc, **operands})):
        like = next(case for case in CASES if case.operation == name)
        case = Case(name, "", lambda *_, arguments=arguments: dict(arguments), like.bounds)
        check(case, dtype, arguments)
