# %% [markdown]
# # A digit recogniser, done right
#
# What notebooks that build one from scratch do, in their order: look at the data, set up a network, see that it knows
# nothing yet, train it by steps, draw the curves, look again, save it, load it, and ask it about single images. Only
# the arithmetic is fastnet's.

# %%
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from fastnet import SGD, Model, Network, Trainer, load_model, save_model
from fastnet.datasets import load, stratified_split

try:
    from fastnet import plots
except ImportError:  # no matplotlib: pip install matplotlib
    plots = None

folder = Path(tempfile.mkdtemp(prefix="digits-"))  # where pictures and the model go


def show(name, draw):
    """Save a picture. In a notebook, call `plots` directly and the figure appears below the cell."""
    if plots is not None:
        plots.save(draw(), folder / f"{name}.png")


# %% [markdown]
# ## Data
#
# The 1,797 digits of 8 x 8 pixels that scikit-learn brings, or files of your own: Kaggle's `train.csv`, a folder with
# MNIST's four files, an `.npz`. Some rows are set aside as a dev set, a fixed share of every class: accuracy on the
# rows that a network has seen says little.

# %%
parser = argparse.ArgumentParser(description="Build a digit recogniser from data to predictions.")
parser.add_argument("data", nargs="?", help="a data file or folder (default: scikit-learn's digits)")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has none of its own
data = load(arguments.data)
train, dev = stratified_split(data.y, fraction=0.1, seed=0)
X, y = data.X[train], data.y[train]
X_dev, y_dev = data.X[dev], data.y[dev]
print(f"{len(X):,} rows to train on, {len(X_dev):,} to try: {X.shape[1]} pixels from {X.min()} to {X.max()}")
print("digits of each class:", np.bincount(y))

# %% [markdown]
# ## Network
#
# 64 hidden units with ReLU, and as many outputs as classes. Pixels are bytes; `input_scale` brings them to [0, 1] as
# they are used, and is saved with the network, so that nobody can forget it when predicting.

# %%
network = Network([X.shape[1], 64, data.n_classes], "relu", seed=0, input_scale=1 / int(X.max()))
print(network.summary())
trainer = Trainer(network, SGD(lr=0.1), batch_size=64, sampling="replacement", seed=0)

# %% [markdown]
# ## Before training
#
# Ten classes, nothing learned: about one in ten is right. Softmax makes the outputs probabilities, and the label that
# training compares them with is one-hot: all of the probability on one class.

# %%
onehot = np.eye(data.n_classes, dtype=np.float32)[y_dev]
probabilities = trainer.predict_proba(X_dev)
print("first label", y_dev[0], "one-hot", onehot[0].astype(int), "probabilities", probabilities[0].round(2))
before = trainer.evaluate(X_dev, y_dev)
print(f"before: loss {before.loss:.3f}, accuracy {before.accuracy:.1%}")
show("before", lambda: plots.samples(X_dev, y_dev, trainer.predict(X_dev), image_shape=data.image_shape))

# %% [markdown]
# ## Training
#
# 2,000 steps of 64 rows, each drawn anew from all of them. Every 200 steps we print how it goes; the accuracies on the
# dev set are those that count. Ctrl-C would stop it between two chunks of steps.

# %%
history = trainer.fit(
    X, y, validation=(X_dev, y_dev), steps=2000, every=200,
    callbacks=[lambda now: print(
        f"step {now.step:>5}: loss {now.loss:.4f}, accuracy {now.accuracy:.1%}, dev {now.validation.accuracy:.1%}"
    )],
)  # fmt: skip
print(f"{sum(history.seconds):.2f} s, and {history.compile_seconds:.1f} s to compile or load the kernels")
curves = {"step": [now.step for now in history.epochs], "loss": history.loss, "accuracy": history.accuracy}
curves |= {"validation_loss": history.validation_loss, "validation_accuracy": history.validation_accuracy}
show("curves", lambda: plots.curves(curves, validation="dev"))

# %% [markdown]
# ## After training

# %%
after = trainer.evaluate(X_dev, y_dev)
predicted = trainer.predict(X_dev)
print(
    f"after: loss {after.loss:.3f}, accuracy {after.accuracy:.1%}; {np.sum(predicted != y_dev)} of {len(y_dev)} wrong"
)
assert after.accuracy > 0.9 > before.accuracy
show("after", lambda: plots.samples(X_dev, y_dev, predicted, image_shape=data.image_shape))

# %% [markdown]
# ## Saving and loading
#
# A safetensors file holds numbers and a line of JSON: unlike a pickle it executes nothing when it is loaded.

# %%
path = folder / "digits.safetensors"
save_model(path, Model(network, image_shape=data.image_shape, metrics={"dev_accuracy": after.accuracy}))
model = load_model(path)
np.testing.assert_array_equal(model.network.parameters, network.parameters)
print(f"{path.name}: {path.stat().st_size:,} bytes, {model.metrics}")

# %% [markdown]
# ## Single images
#
# A loaded network predicts for one row as for many; a row is a matrix of one row.

# %%
for index in (0, 1, int(np.argmin(probabilities[np.arange(len(y_dev)), y_dev]))):
    row = X_dev[index : index + 1]
    chances = model.predict_proba(row)[0]
    print(f"image {index}: predicted {chances.argmax()} with {chances.max():.1%}, label {y_dev[index]}")
    if model.image_shape is not None:
        for line in row.reshape(model.image_shape):  # the picture, in characters
            print("   ", "".join(" .:-=+*#%@"[9 * int(pixel) // int(X.max())] * 2 for pixel in line))
show("digit", lambda: plots.digit(X_dev[0], model.predict_proba(X_dev[:1])[0], image_shape=data.image_shape))
np.testing.assert_allclose(model.predict_proba(X_dev), trainer.predict_proba(X_dev))
print("model" if plots is None else "model and pictures", "in", folder)
