"""Cross-entropy of several rows at once: the bits of row after row."""

import numba
import numpy as np
import pytest

from fastnet.compiler import policy

pytestmark = pytest.mark.skipif(not policy.COMPILES, reason="nothing is compiled")

if policy.COMPILES:
    from fastnet.kernels import losses
    from fastnet.kernels.codegen.reductions import count_larger
    from fastnet.kernels.step.row_lanes import Expected, cross_entropy_rows, scratch_size
    from fastnet.kernels.tile.operands import Operand

    @numba.njit
    def at_once(logits, labels, weights, order, smoothing, divisor, columns, pitch, n_rows, outputs):
        gradients, scratch, row_losses = outputs
        rows, expected = Operand(logits, 0, pitch, 1), Expected(labels, weights, order, 0)
        return cross_entropy_rows(rows, columns, gradients, expected, smoothing, divisor, scratch, row_losses, 0)

    @numba.njit
    def one_by_one(logits, labels, weights, order, smoothing, divisor, columns, pitch, n_rows, outputs):
        gradients, _, row_losses = outputs
        real, correct = logits.dtype.type, 0
        for r in range(n_rows):
            x, d = logits[r * pitch : r * pitch + columns], gradients[r * pitch : r * pitch + columns]
            label = labels[order[r]]
            row_losses[r] = losses.cross_entropy_row(x, label, d, columns, smoothing)
            if smoothing > 0.0:
                for j in range(columns):
                    d[j] -= real(smoothing / columns)
            d[label] -= real(1.0 - smoothing)
            correct += int(count_larger(x, label, columns) == 0)
            if weights.size > 0:
                row_losses[r] *= weights[order[r]]
                for j in range(columns):
                    d[j] *= real(weights[order[r]])
            for j in range(columns):
                d[j] /= real(divisor)
        return correct


EXTREMES = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 90.0, -104.0]


def compute(how, logits, labels, weights, smoothing, columns, pitch):
    n_rows, dtype = len(labels), logits.dtype
    scratch = np.empty(scratch_size(pitch, dtype.itemsize), dtype)
    outputs = np.full(n_rows * pitch, np.nan, dtype), scratch, np.empty(n_rows)
    order = np.arange(n_rows)[::-1].copy()
    with np.errstate(all="ignore"):
        correct = how(logits, labels, weights, order, smoothing, 7.0, columns, pitch, n_rows, outputs)
    return correct, outputs[0].reshape(n_rows, pitch), outputs[2]


def same(actual, expected):
    """Compare bits, in which a NaN is a NaN."""
    unsigned = f"u{actual.itemsize}"
    a, b = (np.where(np.isnan(x), np.nan, x).astype(x.dtype).view(unsigned) for x in (actual, expected))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("extreme", [False, True])
def test_rows_at_once_have_the_bits_of_rows_one_by_one(dtype, smoothing, weighted, extreme):
    rng, n_rows = np.random.default_rng(3), 64 // np.dtype(dtype).itemsize
    for columns in (1, 2, 3, 7, 8, 10, 16, 17, 31, 32):
        for pitch in (-(-columns // n_rows) * n_rows, 4 * n_rows):
            logits = rng.normal(0, 5, n_rows * pitch).astype(dtype)
            if extreme:
                logits[rng.random(logits.size) < 0.2] = rng.choice(EXTREMES)
                logits[rng.random(logits.size) < 0.2] = logits[0]  # equal ones
            labels = rng.integers(0, columns, n_rows).astype(np.int32)
            weights = rng.random(n_rows) if weighted else np.empty(0)
            given = logits, labels, weights, smoothing, columns, pitch
            actual, expected = compute(at_once, *given), compute(one_by_one, *given)
            assert actual[0] == expected[0]
            same(actual[1][:, :columns], expected[1][:, :columns])
            same(actual[2], expected[2])
            assert not actual[1][:, columns:].any(), "what follows a row is zero"
