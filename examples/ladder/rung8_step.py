"""A whole step of training in one compiled call: forward, loss, backward, update.

A network 768-1024-32 with ReLU, softmax and plain gradient descent. All of its products are tiles of the rungs below.
"""

import numba
import numpy as np
from problem import M, Rung, rng
from rung3_tile import ROWS, WIDTH, tile
from rung4_packing import pack
from rung5_epilogue import layer, make_layer_tile

N_IN, N_HIDDEN, N_OUT, LR = 768, 1024, 32, np.float32(0.01)
X, LABELS = rng.standard_normal((M, N_IN), np.float32), rng.integers(0, N_OUT, M)
W1, B1 = 0.05 * rng.standard_normal((N_IN, N_HIDDEN), np.float32), np.zeros(N_HIDDEN, np.float32)
W2, B2 = 0.05 * rng.standard_normal((N_HIDDEN, N_OUT), np.float32), np.zeros(N_OUT, np.float32)

linear_tile = make_layer_tile(False)


@numba.njit
def last_layer(h, w, b, z, shape):
    m, k, n = shape
    for j in range(0, n, WIDTH):
        for i in range(0, m, ROWS):
            linear_tile(h, i * k, k, 1, w, j, n, k, z, i * n + j, n, b, j)


@numba.njit
def loss_gradient(z, labels, n):
    """Replace logits by the gradient of the mean cross-entropy."""
    m = np.float32(labels.size)
    for r in range(labels.size):
        row = z[r * n : (r + 1) * n]
        row[:] = np.exp(row - row.max())
        row /= row.sum()
        row[labels[r]] -= np.float32(1)
        row /= m


@numba.njit
def back(dz, w, h, transposed, dh, shape):
    """Write dz @ W.T, zero where the layer before was cut."""
    m, k, n = shape  # rows, outputs, inputs of the layer
    for i in range(n):
        for j in range(k):
            transposed[j * n + i] = w[i * k + j]
    for j in range(0, n, WIDTH):
        for i in range(0, m, ROWS):
            tile(dz, i * k, k, 1, transposed, j, n, k, dh, i * n + j, n)
    for i in range(m * n):
        if h[i] <= 0:
            dh[i] = 0


@numba.njit
def update(x, dz, w, b, gradient, panel, shape):
    """W -= LR * x.T @ dz, tile after tile, and b with the sum of dz."""
    m, k, n = shape
    for j in range(0, n, WIDTH):
        pack(dz, j, m, n, panel)
        for i in range(0, k, ROWS):
            tile(x, i, 1, k, panel, 0, WIDTH, m, gradient, 0, WIDTH)
            for r in range(ROWS):
                for c in range(WIDTH):
                    w[(i + r) * n + j + c] -= LR * gradient[r * WIDTH + c]
    for r in range(m):
        for j in range(n):
            b[j] -= LR * dz[r * n + j]


@numba.njit
def step(x, labels, w1, b1, w2, b2, h, z, dh, transposed, gradient, panel):
    m = labels.size
    layer(x, w1, b1, h, panel, (m, N_IN, N_HIDDEN))
    last_layer(h, w2, b2, z, (m, N_HIDDEN, N_OUT))
    loss_gradient(z, labels, N_OUT)
    back(z, w2, h, transposed, dh, (m, N_OUT, N_HIDDEN))
    update(h, z, w2, b2, gradient, panel, (m, N_HIDDEN, N_OUT))
    update(x, dh, w1, b1, gradient, panel, (m, N_IN, N_HIDDEN))


def in_numpy():
    """The same in NumPy: the first layer's weights after a step."""
    h = np.maximum(X @ W1 + B1, 0)
    z = h @ W2 + B2
    dz = np.exp(z - z.max(axis=1, keepdims=True))
    dz /= dz.sum(axis=1, keepdims=True)
    dz[np.arange(M), LABELS] -= 1
    dz /= np.float32(M)
    return W1 - LR * X.T @ np.where(h > 0, dz @ W2.T, 0)


def rung() -> Rung:
    weights = [array.ravel().copy() for array in (W1, B1, W2, B2)]
    sizes = (M * N_HIDDEN, M * N_OUT, M * N_HIDDEN, N_HIDDEN * N_OUT, ROWS * WIDTH, N_IN * WIDTH)
    memory = [np.empty(size, np.float32) for size in sizes]

    def run():
        step(X.ravel(), LABELS, *weights, *memory)
        return weights[0].reshape(W1.shape)

    flop = M * (4 * N_IN * N_HIDDEN + 6 * N_HIDDEN * N_OUT)
    return Rung(run, in_numpy, flop)
