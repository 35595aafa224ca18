"""Products of matrices as they lie: the same bits as the tile on panels, whatever their sizes and layouts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnet import _jit, kernels, reference

pytestmark = pytest.mark.skipif(not _jit.COMPILES, reason="nothing is compiled")

if _jit.COMPILES:
    from fastnet.kernels import direct, gemm

DTYPES = [np.float32, np.float64]


def on_panels(monkeypatch, function, *arguments, **settings):
    """Compute by the other tile."""
    with monkeypatch.context() as patch:
        patch.setattr(gemm, "fits", lambda *_: False)
        patch.setattr(gemm, "is_plain", lambda *_: False)
        return function(*arguments, **settings)


@pytest.fixture(scope="module")
def patches():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


sizes = st.integers(1, 70)


@settings(max_examples=150, deadline=None)
@given(
    sizes, st.one_of(sizes, st.integers(1, 700)), sizes, st.sampled_from([(), (3,), (2, 2)]), st.booleans(),
    st.booleans(), st.booleans(), st.booleans(), st.sampled_from(DTYPES), st.integers(0, 2**32),
)  # fmt: skip
def test_any_product_has_the_bits_of_the_tile_on_panels(
    patches, m, k, n, batch, turns_a, turns_b, bias, relu, dtype, seed
):
    rng = np.random.default_rng(seed)

    def stack(rows, columns, turned):
        shape = (*batch, columns, rows) if turned else (*batch, rows, columns)
        made = rng.standard_normal(shape).astype(dtype)
        return made.swapaxes(-1, -2) if turned else made

    a, b = stack(m, k, turns_a), stack(k, n, turns_b)
    added = rng.standard_normal(n).astype(dtype) if bias else None
    actual = gemm.multiply(a, b, added, relu)
    assert actual.tobytes() == on_panels(patches, gemm.multiply, a, b, added, relu).tobytes()
    out = np.full_like(actual, np.nan)
    assert gemm.multiply(a, b, added, relu, out=out).tobytes() == actual.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(80, 300, 260), (64, 700, 130), (65, 129, 611)])
def test_packed_panels_change_no_bit(shape, dtype, monkeypatch):
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    monkeypatch.setattr(gemm, "is_plain", lambda *_: False)
    monkeypatch.setattr(gemm, "fits", lambda *_: True)
    results = {gemm.multiply(x, y).tobytes() for x in (a, np.asfortranarray(a)) for y in (b, np.asfortranarray(b))}
    monkeypatch.setattr(gemm, "room_for", lambda *_: 0)
    results.add(gemm.multiply(a, b).tobytes())
    monkeypatch.setattr(gemm, "fits", lambda *_: False)
    results.add(gemm.multiply(a, b).tobytes())
    assert len(results) == 1


def test_panels_are_packed_for_many_rows_of_a_large_matrix_only():
    assert direct.room_for((64, 1000, 1000), 4) > 0
    assert direct.room_for((63, 1000, 1000), 4) == 0
    assert direct.room_for((1000, 80, 80), 4) == 0
    assert direct.fits((10, 4000, 4000), 4)
    assert direct.fits((1000, 100, 100), 8)
    assert not direct.fits((1000, 512, 512), 4)


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
    monkeypatch.setattr(gemm, "threads_for", lambda *_: int(n_threads))
    for a_shape, b_shape in (((40, 9, 8), (40, 8, 33)), ((300, 20), (20, 17)), ((2, 100, 5), (5, 7))):
        a, b = rng.standard_normal(a_shape), rng.standard_normal(b_shape)
        for other in (b, np.ascontiguousarray(b.swapaxes(-1, -2)).swapaxes(-1, -2)):
            np.testing.assert_allclose(kernels.matmul_forward(a, other), a @ other, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_of_a_layer_are_those_of_separate_products(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    for m, k, n in ((1, 1, 1), (5, 40, 3), (33, 17, 70), (100, 3, 20)):
        dz, x, W = (rng.standard_normal(shape).astype(dtype) for shape in ((m, n), (m, k), (k, n)))
        together = kernels.linear_backward(dz, x, W)
        with monkeypatch.context() as patch:
            patch.setattr("fastnet.kernels.linear.SMALL", 0)
            apart = kernels.linear_backward(dz, x, W)
        assert [a.tobytes() for a in together] == [b.tobytes() for b in apart]
