# %% [markdown]
# # From formulas to kernels
#
# A network with one hidden layer learns in five formulas: two layers forward, a softmax with its loss, the same way
# backward, and an update. Here each stands three times: as mathematics, as NumPy (`fastnet.reference`), and as a
# compiled kernel (`fastnet.kernels`) of the same name and arguments. After each we see that both return the same, and
# what the kernel gains; tiny operations gain nothing, whole epochs much.
#
# Samples are rows, as in scikit-learn: a batch of `m` samples with `n` features is a matrix `x` of shape (m, n).

# %%
import argparse
import sys
from time import perf_counter

import numpy as np

from fastnet import kernels, reference
from fastnet.datasets import load

# The 1,797 digits of 8 x 8 pixels that scikit-learn brings, or files of your own, such as a folder with MNIST's four.
parser = argparse.ArgumentParser(description="Each formula of a network as mathematics, NumPy and a kernel.")
parser.add_argument("data", nargs="?", help="a data file or folder (default: scikit-learn's digits)")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has none of its own
data = load(arguments.data)
m, n, n_hidden, n_classes = 256, data.X.shape[1], 64, data.n_classes
x = data.X[:m] / np.float32(data.X.max())  # pixels from 0 to 1
labels = data.y[:m]
print(f"x {x.shape} {x.dtype}, labels {labels.shape}, {n_classes} classes")


# %% [markdown]
# Two implementations of one formula sum in a different order, so their results differ by rounding: in float32 by some
# 1e-7 of the size of what is summed. `beside` runs both on the same arguments, holds every result to that, and
# compares the best of a few timings. Kernels compile when they are first called, which is not part of the time.


# %%
def best_time(function, arguments):
    times = []
    for _ in range(20):
        start = perf_counter()
        function(*arguments)
        times.append(perf_counter() - start)
    return min(times)


def beside(name, *arguments):
    """Run an operation of the reference and of the kernels on the same arguments, and return what it gives."""
    expected, actual = (getattr(module, name)(*arguments) for module in (reference, kernels))
    as_tuple = expected if isinstance(expected, tuple) else (expected,)
    for one, other in zip(as_tuple, actual if isinstance(actual, tuple) else (actual,), strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5 * np.max(np.abs(one)))
    ratio = best_time(getattr(reference, name), arguments) / best_time(getattr(kernels, name), arguments)
    shapes = " ".join(str(np.shape(one)) for one in as_tuple)
    print(f"{name:<32} {shapes:<28} the same; NumPy takes {ratio:.1f} times as long")
    return expected


# %% [markdown]
# ## Parameters
#
# He et al. (2015): before a ReLU, weights of variance 2 / n keep the size of what flows through. The output layer gets
# 1 / n_hidden. Biases start at zero.

# %%
rng = np.random.default_rng(0)
W1 = rng.normal(0, np.sqrt(2 / n), (n, n_hidden)).astype(np.float32)
W2 = rng.normal(0, np.sqrt(1 / n_hidden), (n_hidden, n_classes)).astype(np.float32)
b1, b2 = np.zeros(n_hidden, np.float32), np.zeros(n_classes, np.float32)

# %% [markdown]
# ## Forward
#
# $$y_1 = \max(0,\; x W_1 + b_1), \qquad z_2 = y_1 W_2 + b_2$$
#
# In NumPy that is `np.maximum(x @ W1 + b1, 0)`: three passes over memory. The kernel multiplies up to 96 rows at a
# time, and adds the bias and takes the maximum while they are still in the cache.

# %%
y1 = beside("linear_relu_forward", x, W1, b1)
logits = beside("linear_forward", y1, W2, b2)
np.testing.assert_allclose(y1, np.maximum(x @ W1 + b1, 0), rtol=1e-5, atol=1e-6)  # the formula as it stands above

# %% [markdown]
# ## Softmax
#
# $$p_{ij} = \frac{e^{z_{ij} - \max_k z_{ik}}}{\sum_l e^{z_{il} - \max_k z_{ik}}}$$
#
# Subtracting the row's own maximum changes nothing in exact arithmetic and everything in floating point: `exp` of a
# logit of 100 is infinite in float32, and infinity / infinity is no probability.

# %%
probs = beside("softmax_forward", logits)
np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
np.testing.assert_allclose(reference.softmax_forward(logits + 1000), probs, atol=1e-3)  # no overflow

# %% [markdown]
# ## Loss
#
# $$L = -\frac{1}{m} \sum_i \log p_{i, t_i} = \frac{1}{m} \sum_i \Big(\log \sum_j e^{z_{ij}} - z_{i, t_i}\Big)$$
#
# for labels $t$. The second form, with the maximum taken out again, never meets the logarithm of zero. A network that
# knows nothing has a loss of about log(classes).

# %%
loss, probs = beside("softmax_cross_entropy_forward", logits, labels)
print(f"loss {loss:.3f}; log({n_classes}) = {np.log(n_classes):.3f}")

# %% [markdown]
# ## Backward
#
# The gradient of the loss with respect to the logits is as simple as it gets (Bishop 2006, equation 4.109):
#
# $$\frac{\partial L}{\partial z_2} = \frac{p - \mathrm{onehot}(t)}{m}$$
#
# and through a layer $z = x W + b$ it goes by
#
# $$dW = x^T dz, \qquad db_j = \sum_i dz_{ij}, \qquad dx = dz\, W^T$$
#
# The bias gradient is a sum over samples *for each unit*, a vector. (Summed to a single number over all units it still
# trains somehow, which is why that mistake lives long.) A ReLU lets a gradient pass where its output is positive.

# %%
dlogits = beside("softmax_cross_entropy_backward", probs, labels)
dy1, dW2, db2 = beside("linear_backward", dlogits, y1, W2)
dx, dW1, db1 = beside("linear_relu_backward", dy1, y1, x, W1)
assert db2.shape == (n_classes,)
np.testing.assert_allclose(db2, dlogits.sum(axis=0), rtol=1e-4, atol=1e-6)


# %% [markdown]
# Is it the gradient? Move one weight a little, in float64, and see what the loss does.


# %%
def loss_of(W):
    hidden = reference.linear_relu_forward(x.astype(np.float64), W, b1.astype(np.float64))
    outputs = reference.linear_forward(hidden, W2.astype(np.float64), b2.astype(np.float64))
    return reference.softmax_cross_entropy_forward(outputs, labels)[0]


at = np.unravel_index(np.abs(dW1).argmax(), dW1.shape)
step = np.zeros(W1.shape)
step[at] = 1e-5
measured = (loss_of(W1 + step) - loss_of(W1 - step)) / 2e-5
print(f"dW1{tuple(map(int, at))}: {dW1[at]:.6f} by the formula, {measured:.6f} measured")
np.testing.assert_allclose(dW1[at], measured, rtol=1e-3)

# %% [markdown]
# ## Update
#
# $$W \leftarrow W - \eta\, dW$$
#
# All parameters stand in one vector, layer after layer, weights and then biases: one call updates them all, in place.

# %%
parameters = np.concatenate([W1.ravel(), b1, W2.ravel(), b2])
gradient = np.concatenate([dW1.ravel(), db1, dW2.ravel(), db2])
updated = {}
for module in (reference, kernels):
    updated[module] = parameters.copy()
    module.sgd_step(updated[module], gradient, 0.1)
np.testing.assert_allclose(updated[kernels], updated[reference], rtol=1e-5, atol=1e-7)
print(f"sgd_step: {parameters.size:,} parameters, the same")

# %% [markdown]
# ## All of it
#
# `train_epoch` is these formulas in a loop over batches. Compiled, nothing of the loop is Python any more: a step
# allocates no memory, and threads share the work without changing a bit of the result.

# %%
X, y = data.X / np.float32(data.X.max()), data.y
order = rng.permutation(len(X))
losses, seconds = {}, {}
for module in (reference, kernels):
    trained = parameters.copy()
    arguments = ((n, n_hidden, n_classes), ("relu",), "cross_entropy", ("sgd", 0.1), 32)
    module.train_epoch(trained.copy(), (), X, y, order, *arguments)  # compiles
    start = perf_counter()
    sums = [module.train_epoch(trained, (), X, y, order, *arguments) for _ in range(5)]
    seconds[module] = perf_counter() - start
    losses[module] = [total.loss_sum / len(X) for total in sums]
    print(f"{module.__name__:<18} losses {np.round(losses[module], 4)}, accuracy {sums[-1].n_correct / len(X):.1%}")
np.testing.assert_allclose(losses[kernels], losses[reference], rtol=1e-4)
print(f"the same history; NumPy takes {seconds[reference] / seconds[kernels]:.1f} times as long")
