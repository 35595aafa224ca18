"""The kernels against the reference: every operation, in every layout, to the last argument check."""

import inspect
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnet import kernels, reference
from fastnet.cases import CASES, DTYPES, HYPERPARAMETERS, Case, difference, network, run, tolerances
from fastnet.kernels.simd import TILE_ROWS, panel_width

# Without a compiler, kernels are plain Python loops: the small sizes cover every line of theirs.
SMALL = [case for case in CASES if not case.realistic]
SHARED = {"Totals", "dropout_key", "layer_slices"}
OPERATIONS = sorted(set(reference.__all__) - SHARED)
THREADED = ("predict_logits", "train_epoch", "prepare_training", "loss_gradient")

cases = pytest.mark.parametrize("case", CASES, ids=str)
small_cases = pytest.mark.parametrize("case", SMALL, ids=str)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def assert_equivalent(actual, expected, tolerance):
    reason = difference(actual, expected, tolerance)
    assert reason is None, reason


def check(case, dtype, arguments, expected=None, **more):
    """Run the kernel and compare with the reference; return the kernel's results."""
    expected = run(reference, case, case.arguments(dtype)) if expected is None else expected
    actual = run(kernels, case, arguments, **more)
    assert len(actual) == len(expected)
    for one, wanted, tolerance in zip(actual, expected, tolerances(case, dtype, expected), strict=True):
        assert_equivalent(one, wanted, tolerance)
    return actual


def arrays_in(arguments):
    """Return the arrays among arguments by name, with those of a tuple as name, index."""
    found = {}
    for name, value in arguments.items():
        for i, one in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(one, np.ndarray):
                found[name, i] = one
    return found


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


@pytest.mark.parametrize("name", OPERATIONS)
def test_signatures_are_the_same(name):
    expected = list(inspect.signature(getattr(reference, name)).parameters.values())
    actual = list(inspect.signature(getattr(kernels, name)).parameters.values())
    kinds = [[(one.name, one.default, one.kind) for one in several] for several in (actual, expected)]
    assert kinds[0] == kinds[1]


@dtypes
@cases
def test_kernel_gives_the_result_of_the_reference(case, dtype):
    arguments = case.arguments(dtype)
    before = arrays_in(case.arguments(dtype))
    results = check(case, dtype, arguments)
    for (name, i), array in arrays_in(arguments).items():
        if name not in case.updates:
            np.testing.assert_array_equal(array, before[name, i], err_msg=f"{name} was written to")
            assert not any(np.may_share_memory(array, one) for one in results)


@dtypes
@small_cases
def test_layout_of_the_inputs_does_not_matter(case, dtype):
    expected = run(reference, case, case.arguments(dtype))
    for layout in (as_strided, as_fortran, as_reversed, as_read_only):
        but = case.updates if layout is as_read_only else ()
        check(case, dtype, with_arrays(case.arguments(dtype), layout, but), expected)


@dtypes
@pytest.mark.parametrize("case", [case for case in SMALL if case.updates], ids=str)
def test_read_only_vectors_that_would_be_updated_are_left_alone(case, dtype):
    arguments = with_arrays(case.arguments(dtype), as_read_only)
    with pytest.raises(ValueError, match="must be writable"):
        run(kernels, case, arguments)


WITH_OUT = [case for case in SMALL if "out" in inspect.signature(getattr(reference, case.operation)).parameters]


@dtypes
@pytest.mark.parametrize("case", WITH_OUT, ids=str)
def test_out_of_any_layout_receives_the_result(case, dtype):
    expected = run(reference, case, case.arguments(dtype))
    blank = [np.full(one.shape, np.nan, one.dtype) for one in expected if isinstance(one, np.ndarray)]
    for layout in (np.array, as_strided, as_fortran, as_reversed):
        outs = tuple(map(layout, blank))
        actual = check(case, dtype, case.arguments(dtype), expected, out=outs if len(outs) > 1 else outs[0])
        for one, out in zip([one for one in actual if isinstance(one, np.ndarray)], outs, strict=True):
            assert one is out


@dtypes
@pytest.mark.parametrize(("case", "name"), [(case, name) for case in SMALL for name in case.in_place], ids=str)
def test_out_may_be_an_input_or_another_view_of_it(case, name, dtype):
    for view, layout in product((False, True), (np.array, as_strided, as_fortran)):
        arguments = with_arrays(case.arguments(dtype), layout)
        out = arguments[name].view() if view else arguments[name]
        actual = check(case, dtype, arguments, out=out)
        assert actual[-1] is out


@dtypes
@pytest.mark.parametrize(
    "case",
    # of mostly zeros, those times NaN are left out
    [case for case in SMALL if "extremes" not in case.size and "filled" not in case.size],
    ids=str,
)
def test_nan_stays_nan_at_the_same_places(case, dtype):
    pristine = case.arguments(dtype)
    for name, i in arrays_in(pristine):
        if name == "sample_weight":  # must be finite
            continue
        results = []
        for module in (reference, kernels):
            arguments = case.arguments(dtype)
            array = arrays_in(arguments)[name, i]
            if array.dtype.kind == "f" and array.size:
                array.flat[array.size // 2] = np.nan
                results.append(run(module, case, arguments))
        if results:
            for actual, expected in zip(results[1], results[0], strict=True):
                np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected), err_msg=f"NaN in {name}")


@dtypes
def test_nan_in_one_class_counts_as_the_answer_that_numpy_finds(dtype):
    """`argmax` takes the first NaN for the largest logit."""
    sizes, rng = (4, 3), np.random.default_rng(9)
    x, labels = rng.normal(size=(30, 4)).astype(dtype), rng.integers(0, 3, 30)
    counts = []
    for module in (reference, kernels):
        parameters = np.zeros(15, dtype)
        parameters[-2] = np.nan  # the bias of class 1
        rest = (np.arange(30), sizes, (), "cross_entropy", ("sgd", 0.0), 30)
        counts.append(module.train_epoch(parameters, (), x, labels, *rest)[1])
    assert counts[1] == counts[0] == np.count_nonzero(labels == 1)


@dtypes
@pytest.mark.parametrize("limits", [{"clip_norm": 2.0}, {"clip_value": 0.5}, {"clip_norm": 2.0, "clip_value": 0.5}])
@pytest.mark.parametrize("bad", [np.inf, np.nan, "large"])
def test_gradients_that_are_not_finite_are_clipped_alike(bad, limits, dtype):
    """An infinite norm makes the factor 0, and infinities NaN; a NaN as norm, or as element, is not limited."""
    large = np.finfo(dtype).max / 4
    for sizes in ((3, 2), (300, 2)):
        results = []
        for module in (reference, kernels):
            parameters = np.ones((sizes[0] + 1) * 2, dtype)
            x, y = np.ones((4, sizes[0]), dtype), np.ones((4, 2), dtype)
            x[2, 1] = large if bad == "large" else bad
            with np.errstate(all="ignore"):
                module.train_epoch(
                    parameters, (), x, y, np.arange(4), sizes, (), "squared_error", ("sgd", 0.5), 4, **limits
                )
            results.append(parameters)
        tolerance = 8 * np.sqrt(sizes[0]) * float(np.finfo(dtype).eps)
        assert_equivalent(results[1], results[0], tolerance)
        if "clip_value" in limits and bad == np.inf:
            assert np.isfinite(results[0][::2]).any()


@dtypes
@small_cases
def test_an_error_of_a_few_tolerances_is_seen(case, dtype):
    expected = run(reference, case, case.arguments(dtype))
    for one, tolerance in zip(expected, tolerances(case, dtype, expected), strict=True):
        finite = np.flatnonzero(np.isfinite(one) & (np.abs(one) < np.finfo(dtype).max / 2))
        if finite.size == 0 or isinstance(one, int):
            continue
        at = np.unravel_index(finite[finite.size // 2], np.shape(one))
        step = 3 * float(np.broadcast_to(tolerance, np.shape(one))[at])
        step = max(step, 3 * float(np.spacing(np.abs(np.asarray(one)[at]))))
        wrong = np.array(one)
        wrong[at] += step
        with pytest.raises(AssertionError, match="differ"):
            assert_equivalent(type(one)(wrong) if isinstance(one, float) else wrong, one, tolerance)


@dtypes
@cases
def test_tolerances_are_small_beside_the_results(case, dtype):
    expected = run(reference, case, case.arguments(dtype))
    # in float32 0.2% for one operation, 1% for many in a row
    limit = (1e5 if case.operation in THREADED else 2e4) * np.finfo(dtype).eps
    for one, tolerance in zip(expected, tolerances(case, dtype, expected), strict=True):
        finite = np.isfinite(one) & (np.abs(one) < 1e30)
        if np.asarray(one)[finite].any() and not isinstance(one, int):
            size = np.sqrt(np.mean(np.square(np.asarray(one, np.float64)[finite])))
            allowed = np.broadcast_to(tolerance, np.shape(one))[finite]
            assert np.sqrt(np.mean(np.square(allowed))) <= limit * size + np.finfo(dtype).tiny


LEARNING = [
    case
    for case in CASES
    if case.operation == "train_epoch" and not case.size.startswith(("0x", "5x4-1"))  # these learn nothing
]


@dtypes
@pytest.mark.parametrize("case", LEARNING, ids=str)
def test_tolerances_of_training_see_a_slightly_wrong_learning_rate(case, dtype):
    expected = run(reference, case, case.arguments(dtype))
    arguments = case.arguments(dtype)
    name, rate, *others = arguments["optimizer"]
    wrong = run(reference, case, {**arguments, "optimizer": (name, 1.05 * rate, *others)})
    with pytest.raises(AssertionError, match="differ"):
        assert_equivalent(wrong[3], expected[3], tolerances(case, dtype, expected)[3])


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.operation == "linear_forward" and "x1100x" in case.size], ids=str
)
@dtypes
def test_tolerance_of_a_product_sees_one_term_that_is_missing(case, dtype):
    arguments = case.arguments(dtype)
    expected = run(reference, case, arguments)
    for k in (0, 511, 1099):
        wrong = expected[0] - np.outer(arguments["x"][:, k], arguments["W"][k])
        with pytest.raises(AssertionError, match="differ"):
            assert_equivalent(wrong, expected[0], tolerances(case, dtype, expected)[0])


CLIPPED = [
    (case, limit)
    for case in LEARNING
    for limit in ("clip_norm", "clip_value")
    if case.arguments(np.float32)[limit] is not None
]


@dtypes
@pytest.mark.parametrize(("case", "limit"), CLIPPED, ids=str)
def test_tolerances_of_training_see_a_limit_that_is_forgotten(case, limit, dtype):
    expected = run(reference, case, case.arguments(dtype))
    wrong = run(reference, case, {**case.arguments(dtype), limit: None})
    with pytest.raises(AssertionError, match="differ"):
        assert_equivalent(wrong[3], expected[3], tolerances(case, dtype, expected)[3])


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
    for name, arguments in (
        ("matmul_forward", operands),
        ("matmul_backward", {"dc": dc, **operands}),
    ):
        like = next(case for case in CASES if case.operation == name)
        case = Case(name, "", lambda *_, arguments=arguments: dict(arguments), like.bounds)
        check(case, dtype, arguments)


def first_case(operation):
    """Return a small case of the operation that has some samples in it."""
    for case in SMALL:
        given = case.arguments(np.float64)
        sizes = [array.size for array in arrays_in(given).values()]
        if case.operation == operation and min(sizes) > 1 and "extremes" not in case.size:
            return case
    raise LookupError(operation)


OPERATIONS_WITH_OUT = sorted({case.operation for case in WITH_OUT})


def wrong_arrays(array):
    yield array.tolist()
    yield None
    yield np.ma.masked_array(array)
    yield array.astype(np.float16)
    yield array.astype(np.int64 if array.dtype.kind == "f" else np.float64)
    yield array.astype(np.float32)
    yield array.astype(array.dtype.newbyteorder())
    yield array.astype(complex)
    yield array[None]
    yield array[:0]
    yield np.concatenate([array, array])
    yield array.reshape(-1)
    yield np.repeat(array, 2, axis=-1)
    yield array + np.array(1000, array.dtype)
    yield array - np.array(1000, array.dtype)
    yield np.full_like(array, -1)


def outcome(module, operation, arguments):
    """Return the type and message of what an operation raises."""
    try:
        getattr(module, operation)(**arguments)
    except Exception as error:  # whatever it is
        return type(error), str(error)
    return None


def assert_rejected_alike(operation, arguments):
    expected, actual = (outcome(module, operation, arguments) for module in (reference, kernels))
    assert actual == expected
    assert expected is not None


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unsuitable_arrays_are_rejected_with_the_same_words(operation):
    case = first_case(operation)
    n_rejected = 0
    for name, value in case.arguments(np.float64).items():
        if not isinstance(value, np.ndarray):
            continue
        for wrong in wrong_arrays(value):
            arguments = {**case.arguments(np.float64), name: wrong}
            expected, actual = (outcome(module, operation, arguments) for module in (reference, kernels))
            assert actual == expected
            n_rejected += expected is not None
    assert n_rejected >= 5


@pytest.mark.parametrize("case", [first_case(name) for name in OPERATIONS_WITH_OUT], ids=str)
def test_unsuitable_out_is_rejected_with_the_same_words(case):
    expected = [one for one in run(reference, case, case.arguments(np.float64)) if isinstance(one, np.ndarray)]
    good = tuple(expected)
    for wrong in (
        good[-1].tolist(),
        good[-1].astype(np.float32),
        good[-1][None],
        np.concatenate([good[-1], good[-1]]),
        as_read_only(good[-1]),
    ):
        outs = (*good[:-1], wrong)
        arguments = {**case.arguments(np.float64), "out": outs if len(outs) > 1 else wrong}
        assert_rejected_alike(case.operation, arguments)
    for out in ([*good], good[:-1], "out", 3):
        assert_rejected_alike(case.operation, {**case.arguments(np.float64), "out": out})


@pytest.mark.parametrize("case", [first_case(name) for name in OPERATIONS_WITH_OUT], ids=str)
def test_out_that_overlaps_an_input_is_rejected_with_the_same_words(case):
    """The first result lies one element off each floating-point input."""
    for name, i in arrays_in(case.arguments(np.float64)):
        outcomes = []
        for module in (reference, kernels):
            arguments = case.arguments(np.float64)
            results = run(reference, case, case.arguments(np.float64))
            good = [one for one in results if isinstance(one, np.ndarray)]
            given_array = arrays_in(arguments)[name, i]
            if given_array.dtype != np.float64:
                continue
            memory = np.zeros(given_array.size + good[0].size)
            arguments[name] = memory[: given_array.size].reshape(given_array.shape)
            arguments[name][...] = given_array
            start = given_array.size - 1
            first = memory[start : start + good[0].size].reshape(good[0].shape)
            arguments["out"] = (first, *good[1:]) if len(good) > 1 else first
            outcomes.append(outcome(module, case.operation, arguments))
        if outcomes:
            assert outcomes[0] == outcomes[1]
            assert "must not share memory" in outcomes[0][1]


SETTINGS = {
    "lr": (-1.0, "0.1", None, np.nan, np.inf),
    "momentum": (-1.0, "0.1", np.nan),
    "nesterov": (1, None),
    "beta1": (1.0, -0.1, None),
    "beta2": (1.0, np.nan),
    "eps": (-1e-8, "x"),
    "weight_decay": (-1.0, np.inf),
    "t": (0, 1.0, True, None),
    "sizes": ([3], "32", [3, 0, 2], [3, 2.0], 3, []),
    "activations": ("relu", ["relu"] * 5, ["swish"], None, [3]),
    "scale": (None, np.nan, "1", np.inf, 1j),
    "loss": ("hinge", None, 3, ("huber", 0.0), ("cross_entropy", 1.0), ("hinge", 1.0), ("squared_error", 1.0)),
    "optimizer": ("sgd", ("sgd",), ("rmsprop", 0.1), (), ("sgd", -1.0), ("adam", 0.1, 1.0, 0.9, 1e-8), None),
    "batch_size": (0, -1, 2.0, True, None),
    "step": (-1, 0.5, None),
    "clip_norm": (0.0, -1.0, np.nan, np.inf, "1", 1j),
    "clip_value": (0, -0.1, np.inf, [1.0]),
    "l2": (-1.0, np.nan, np.inf, "1", None),
    "dropout": ((1.0,), (0.1,) * 9, (-0.1,), "0.1", 0.5),
    "seed": (-1, 2**64, 1.0, None),
    "label_smoothing": (1.0, -0.1, np.nan, "0.1", None),
    "delta": (0.0, -1.0, np.inf, np.nan, "1", None),
    "rate": (1.0, -0.1, np.nan, "0.5", None),
    "key": (-1, 2**32, 1.0, True, None),
    "slots": ([], None, (np.zeros(3),), (np.zeros(3), np.zeros(3), np.zeros(3))),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unsuitable_settings_are_rejected_with_the_same_words(operation):
    case = first_case(operation)
    for name in case.arguments(np.float64).keys() & SETTINGS.keys():
        for wrong in SETTINGS[name]:
            assert_rejected_alike(operation, {**case.arguments(np.float64), name: wrong})


@pytest.mark.parametrize("n_threads", [0, -1, 1.0, True, "2"])
def test_unsuitable_thread_counts_are_rejected(n_threads):
    for operation in THREADED:
        error = TypeError if not isinstance(n_threads, int) or n_threads is True else ValueError
        with pytest.raises(error, match=r"^n_threads must be"):
            getattr(kernels, operation)(**first_case(operation).arguments(np.float64), n_threads=n_threads)


@dtypes
@pytest.mark.parametrize("batch_size", [10**6, sys.maxsize, np.int64(7)])
def test_batch_larger_than_the_data_is_the_full_batch(batch_size, dtype):
    case = first_case("train_epoch")
    arguments = [{**case.arguments(dtype), "batch_size": batch_size} for _ in range(2)]
    expected, actual = run(reference, case, arguments[0]), run(kernels, case, arguments[1])
    for one, wanted, tolerance in zip(actual, expected, tolerances(case, dtype, expected), strict=True):
        assert_equivalent(one, wanted, tolerance)


@dtypes
def test_indices_and_labels_may_be_any_integers(dtype):
    case = first_case("train_epoch")
    expected = run(reference, case, case.arguments(dtype))
    for kind in (np.int8, np.uint8, np.int32, np.uint64):
        arguments = case.arguments(dtype)
        changed = {name: arguments[name].astype(kind) for name in ("order", "y")}
        check(case, dtype, {**arguments, **changed}, expected)


@dtypes
def test_samples_may_be_chosen_more_than_once(dtype):
    case = first_case("train_epoch")
    order = np.array([2, 2, 0, 1, 2])
    expected = run(reference, case, {**case.arguments(dtype), "order": order})
    check(case, dtype, {**case.arguments(dtype), "order": order}, expected)


@dtypes
@pytest.mark.parametrize("optimizer", HYPERPARAMETERS)
def test_epochs_that_follow_each_other_go_on_with_the_state(optimizer, dtype):
    """Three epochs, the optimizer's state and its count of steps carried from one to the next."""
    sizes, rng = (5, 9, 3), np.random.default_rng(3)
    x, y = rng.normal(size=(17, 5)).astype(dtype), rng.integers(0, 3, 17)
    start, results = network(sizes, np.dtype(dtype), rng), []
    name = "momentum" if optimizer == "nesterov" else optimizer
    n_slots = {"sgd": 0, "momentum": 1}.get(name, 2)
    for module in (reference, kernels):
        parameters, slots = start.copy(), tuple(np.zeros_like(start) for _ in range(n_slots))
        for epoch in range(3):
            order = np.random.default_rng(epoch).permutation(17)
            chosen = (name, *HYPERPARAMETERS[optimizer].values())
            module.train_epoch(parameters, slots, x, y, order, sizes, ("relu",), "cross_entropy", chosen, 4, 5 * epoch)
        results.append(parameters)
    # as in `Training.bounds`: 15 steps, sums of at most 9 terms
    tolerance = 8 * 15 * 3 * float(np.finfo(dtype).eps) * np.abs(results[0]).max()
    assert_equivalent(results[1], results[0], tolerance)
    assert np.abs(results[0] - start).max() > 100 * tolerance
