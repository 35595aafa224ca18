"""Products of matrices as they lie: the same bits as the tile on panels, whatever their sizes and layouts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnet import kernels, reference
from fastnet.compiler import policy

pytestmark = pytest.mark.skipif(not policy.COMPILES, reason="nothing is compiled")

if policy.COMPILES:
    from fastnet.kernels.tile import direct, micro_panels, packing, products
    from fastnet.kernels.tile import plain as plain_products
    from fastnet.kernels.tile.operands import Operand, PanelEpilogue, Panels
    from fastnet.kernels.tile.panel_products import multiply_panels

DTYPES = [np.float32, np.float64]


if policy.COMPILES:

    @policy.compile_lazily
    def _multiply_panels(a, b, c, a_panels, b_panels, c_panels, rows, width):
        (m, k), n = a.shape, b.shape[1]
        k_panels, n_panels = packing.panels_of(k, c.itemsize), packing.panels_of(n, c.itemsize)
        left, right = Panels(a_panels, 0, rows * width), Panels(b_panels, 0, k * width)
        product, nothing = Panels(c_panels, 0, rows * width), PanelEpilogue(0, Panels(c_panels, 0, 0), False)
        packing.pack(Operand(a.reshape(-1), 0, k, 1), (m, k), 0, k_panels, left)
        packing.pack(Operand(b.reshape(-1), 0, n, 1), (k, n), 0, n_panels, right)
        multiply_panels(left, right, k, product, (m, n), 0, n_panels, nothing)
        packing.unpack(product, (m, n), 0, n_panels, Operand(c, 0, n, 1))


def on_panels(a, b, bias=None, relu=False):
    """Compute by the tile on panels, that of training."""
    (m, k), n, dtype = a.shape[-2:], b.shape[-1], a.dtype
    width = micro_panels.panel_width(dtype.itemsize)
    rows, wide_k, wide_n = packing.spaced_rows(m, dtype.itemsize), packing.padded(k, width), packing.padded(n, width)
    c = np.empty((*a.shape[:-2], m, n), dtype)
    for i in np.ndindex(a.shape[:-2]):
        own = np.ascontiguousarray(a[i]), np.ascontiguousarray(b[i])
        memory = np.zeros(rows * wide_k, dtype), np.zeros(k * wide_n, dtype), np.zeros(rows * wide_n, dtype)
        _multiply_panels(*own, c[i].reshape(-1), *memory, rows, width)
    if bias is not None:
        c += bias
    return reference.relu_forward(c) if relu else c


sizes = st.integers(1, 70)


@settings(max_examples=150, deadline=None)
@given(
    sizes, st.one_of(sizes, st.integers(1, 700)), sizes, st.sampled_from([(), (3,), (2, 2)]), st.booleans(),
    st.booleans(), st.booleans(), st.booleans(), st.sampled_from(DTYPES), st.integers(0, 2**32),
)  # fmt: skip
def test_any_product_has_the_bits_of_the_tile_on_panels(m, k, n, batch, turns_a, turns_b, bias, relu, dtype, seed):
    rng = np.random.default_rng(seed)

    def stack(rows, columns, turned):
        shape = (*batch, columns, rows) if turned else (*batch, rows, columns)
        made = rng.standard_normal(shape).astype(dtype)
        return made.swapaxes(-1, -2) if turned else made

    a, b = stack(m, k, turns_a), stack(k, n, turns_b)
    added = rng.standard_normal(n).astype(dtype) if bias else None
    actual = products.multiply(a, b, added, relu)
    assert actual.tobytes() == on_panels(a, b, added, relu).tobytes()
    out = np.full_like(actual, np.nan)
    assert products.multiply(a, b, added, relu, out=out).tobytes() == actual.tobytes()
    plain = plain_products.multiply_plainly(a, b, None, **({} if added is None else {"bias": added}), relu=relu)
    assert plain is None or plain.tobytes() == actual.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(80, 300, 260), (32, 700, 130), (65, 129, 611), (700, 800, 90), (610, 60, 1100), (90, 300, 300)]
)
def test_packing_and_transposing_change_no_bit(shape, dtype, monkeypatch):
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    pairs = [(x, y) for x in (a, np.asfortranarray(a)) for y in (b, np.asfortranarray(b))]
    results = {products.multiply(*pair, n_threads=team).tobytes() for pair in pairs for team in (1, 3)}
    monkeypatch.setattr(products, "MOST_TRANSPOSED", 0)
    results |= {products.multiply(*pair).tobytes() for pair in pairs}
    monkeypatch.setattr(products, "room_for", lambda *_: 0)
    results |= {products.multiply(*pair).tobytes() for pair in pairs}
    results.add(on_panels(a, b).tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(33, 700, 130), (48, 341, 402), (400, 520, 24), (500, 257, 99), (4, 40, 300, 61), (64, 500, 1100)]
)
def test_plain_products_that_pack_have_the_same_bits(shape, dtype):
    *batch, m, k, n = shape
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((*batch, m, k)).astype(dtype), rng.standard_normal((*batch, k, n)).astype(dtype)
    plain = plain_products.multiply_plainly(a, b, None)
    assert plain is not None or n > direct.MOST_COLUMNS
    if plain is not None:
        np.testing.assert_array_equal(plain, products.multiply(a, np.asfortranarray(b) if not batch else b))


def test_panels_are_packed_for_some_rows_of_a_large_matrix_only():
    assert direct.room_for((400, 1000, 1000), 4, False) > 0
    assert direct.room_for((31, 1000, 1000), 4, True) == 0
    assert direct.room_for((100, 80, 80), 4, False) == 0
    assert direct.room_for((32, 1000, 1000), 4, True) > 0
    assert direct.room_for((1000, 80, 80), 4, False) == 0
    assert direct.room_for((1000, 100_000, 2), 4, False) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 3, 16, 40])
def test_the_epilogue_keeps_nan_and_makes_zeros_positive(n, dtype):
    x = np.array([[np.nan, 1.0], [-1.0, 0.0], [np.inf, 0.0], [0.0, -0.0]], dtype)
    W, b = np.ones((2, n), dtype), np.zeros(n, dtype)
    y = kernels.linear_relu_forward(x, W, b)
    np.testing.assert_array_equal(y, reference.linear_relu_forward(x, W, b))
    assert np.isnan(y[0]).all()
    assert not np.signbit(y[1:]).any()


@pytest.mark.parametrize("n_threads", ["1", "3"])
def test_threads_share_stacks_and_rows(n_threads, monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(products, "threads_for", lambda *_: int(n_threads))
    for a_shape, b_shape in (((40, 9, 8), (40, 8, 33)), ((300, 20), (20, 17)), ((2, 100, 5), (5, 7))):
        a, b = rng.standard_normal(a_shape), rng.standard_normal(b_shape)
        for other in (b, np.ascontiguousarray(b.swapaxes(-1, -2)).swapaxes(-1, -2)):
            np.testing.assert_allclose(kernels.matmul_forward(a, other), a @ other, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [(), (4,)])
def test_plain_gradients_are_those_of_separate_products(batch, dtype):
    rng = np.random.default_rng(0)
    for m, k, n in ((1, 1, 1), (5, 40, 3), (33, 17, 70), (100, 3, 20)):
        dc, a, b = (rng.standard_normal((*batch, *shape)).astype(dtype) for shape in ((m, n), (m, k), (k, n)))
        together = plain_products.gradients_plainly(dc, a, b, None)
        apart = products.multiply(dc, b.swapaxes(-1, -2)), products.multiply(a.swapaxes(-1, -2), dc)
        assert [one.tobytes() for one in together] == [one.tobytes() for one in apart]
        if not batch:
            layer = plain_products.layer_gradients_plainly(dc, a, b, None)
            np.testing.assert_allclose(layer[2], dc.sum(axis=0), rtol=1e-5, atol=1e-5)
            assert [one.tobytes() for one in layer[:2]] == [one.tobytes() for one in together]


WRONG = {
    "shape": lambda a, b, out: (a[:, :-1].copy(), b, out),
    "result": lambda a, b, out: (a, b, out[:-1].copy()),
    "dtype": lambda a, b, out: (a, b.astype(np.float64), out),
    "overlap": lambda a, b, out: (a, b, b),
    "list": lambda a, b, out: (a.tolist(), b, out),
    "integers": lambda a, b, out: (a.astype(np.int32), b.astype(np.int32), out),
}


@pytest.mark.parametrize("kind", WRONG)
def test_no_wrong_product_is_a_plain_one(kind):
    square = np.ones((6, 6), np.float32)
    a, b, out = WRONG[kind](square, square.copy(), np.full((6, 6), 7, np.float32))
    before = np.array(out)
    assert plain_products.multiply_plainly(a, b, out) is None
    with pytest.raises((TypeError, ValueError)):
        kernels.matmul_forward(a, b, out)
    np.testing.assert_array_equal(out, before)


def test_what_compiled_code_does_not_take_as_it_is_goes_the_other_way():
    """Read-only and strided arrays, broadcasting, four dimensions: the same product, by the way with all checks."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((6, 5)), rng.standard_normal((5, 4))
    read_only = a.copy()
    read_only.flags.writeable = False
    for other in (read_only, np.asfortranarray(a), np.repeat(a, 2, axis=0)[::2]):
        assert plain_products.multiply_plainly(other, b, None) is None
        assert kernels.matmul_forward(other, b).tobytes() == kernels.matmul_forward(a, b).tobytes()
    stack = np.stack([a, a])
    assert plain_products.multiply_plainly(stack, b, None) is None
    assert plain_products.multiply_plainly(stack[None], np.stack([b, b])[None], None) is None
    assert plain_products.multiply_plainly(np.empty((0, 5)), b, None) is None
    with pytest.raises((TypeError, ValueError), match="b must"):
        kernels.linear_forward(a, b, None)
    with pytest.raises(ValueError, match="b must have shape"):
        kernels.linear_forward(a, b, np.empty(0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_of_a_layer_with_relu_are_those_of_its_parts(dtype):
    rng = np.random.default_rng(0)
    dy, x, W = (rng.standard_normal(shape).astype(dtype) for shape in ((30, 9), (30, 7), (7, 9)))
    y = rng.standard_normal(dy.shape).astype(dtype)
    y[0, 0], y[1, 1] = np.nan, 0.0
    actual = kernels.linear_relu_backward(dy, y, x, W)
    wanted = kernels.linear_backward(kernels.relu_backward(dy, y), x, W)
    assert [one.tobytes() for one in actual] == [one.tobytes() for one in wanted]
    assert np.isnan(actual[0][0]).all()
