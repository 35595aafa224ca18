"""The authors' own code beside ours, step by step: from the same inputs, batches and weights the same training."""

import numpy as np
import pytest

from fastnet import kernels, reference
from fastnet.estimators.tabular.encoding import Encoding
from fastnet.estimators.tabular.recipe import Recipe, groups_of
from fastnet.tables.columns import TableColumns
from fastnet.training.schedules import coslog4

torch = pytest.importorskip("torch", reason="compares with the authors' PyTorch code")
pytabkit = pytest.importorskip("pytabkit", reason="compares with the authors' package pytabkit")
pd = pytest.importorskip("pandas")

N, N_TRAIN, BATCH, EPOCHS = 100, 80, 32, 6


def table():
    """Numbers, one column of them constant, and columns of two and of three categories."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(N, 3)) ** 3, columns=list("abc"))
    frame["constant"] = 2.0
    frame["few"] = (rng.random(N) < 0.1).astype(float)  # its quartiles are equal
    frame["two"], frame["three"] = rng.choice(["x", "y"], N), rng.choice(["p", "q", "r"], N)
    return frame, rng.integers(0, 3, N), frame["a"] * 2 + rng.normal(size=N)


@pytest.fixture(params=["classes", "numbers"])
def published(request, monkeypatch):
    """Fit their model in float64; return its steps (batch, targets, loss), their parameters before, and the table."""
    from pytabkit.models.training import lightning_modules

    classes = request.param == "classes"
    module, steps, parameters = lightning_modules.TabNNModule, [], []
    step, validate = module.training_step, module.validation_step

    def double(batch):
        return {key: value.double() if value.is_floating_point() else value for key, value in batch.items()}

    def training_step(self, batch, index):
        if not steps:
            for tensor in (*self.model.parameters(), *self.model.buffers()):
                if tensor.is_floating_point():
                    tensor.data = tensor.data.double()
        batch = double(batch)
        parameters.append(flat(self.model))
        with torch.no_grad():
            given = self.model(dict(batch))["y"]
        loss = step(self, batch, index)
        steps.append((batch["x_cont"][0].numpy(), given[0].numpy(), float(loss)))
        parameters.append(flat(self.model))
        return loss

    monkeypatch.setattr(module, "training_step", training_step)
    monkeypatch.setattr(module, "validation_step", lambda self, batch, index: validate(self, double(batch), index))
    frame, labels, numbers = table()
    kind = pytabkit.RealMLP_TD_S_Classifier if classes else pytabkit.RealMLP_TD_S_Regressor
    model = kind(n_epochs=EPOCHS, device="cpu", random_state=0, batch_size=BATCH, verbosity=0)
    model.fit(frame, labels if classes else numbers, val_idxs=np.arange(N_TRAIN, N))
    assert len(steps) == EPOCHS * (N_TRAIN // BATCH)
    return classes, steps, parameters, frame


def flat(model) -> np.ndarray:
    """Return their parameters as ours: W / sqrt(n_in) and b of each layer, and the factors of the inputs last."""
    scale, *layers = (parameter.detach()[0].numpy() for parameter in model.parameters())
    parts = []
    for W, b in zip(layers[::2], layers[1::2], strict=True):
        parts += [W.ravel() / np.sqrt(len(W)), b.ravel()]
    return np.concatenate([*parts, scale.ravel()])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", [reference, kernels], ids=["reference", "kernels"])
def test_inputs_losses_and_weights_are_those_of_the_authors(published, backend):
    classes, steps, parameters, frame = published
    n_out = 3 if classes else 1
    columns = TableColumns.learn(frame)
    numbers, codes = columns.read(frame)
    encoding = Encoding.learn(columns, numbers[:N_TRAIN], codes[:N_TRAIN])
    encoded = encoding.encode(numbers[:N_TRAIN], codes[:N_TRAIN], np.float64)
    x = np.concatenate([batch for batch, _, _ in steps])
    distances = np.abs(x[:, None] - encoded[None]).max(axis=2).min(axis=1)
    assert distances.max() < 1e-5  # theirs are float32
    targets = np.concatenate([given for _, given, _ in steps])
    y = targets.argmax(axis=1) if classes else targets
    recipe = Recipe(
        (encoding.n_inputs, 256, 256, 256, n_out), "selu" if classes else "mish",
        ("cross_entropy", 0.1) if classes else "squared_error", 0.04 if classes else 0.07, EPOCHS, BATCH,
        1.0 if classes else 0.5,
    )  # fmt: skip
    actual = parameters[0].copy()
    state = np.zeros_like(actual), np.zeros_like(actual)
    take = backend.prepare_training(
        actual, state, x, y, recipe.sizes, recipe.activations, recipe.loss, recipe.optimizer, BATCH,
        groups=groups_of(recipe.sizes),
    )  # fmt: skip
    relative, absolute = (1e-7, 1e-6) if classes else (1e-9, 1e-9)  # their smoothed labels are rounded to float32
    for i, (_, _, loss) in enumerate(steps):
        rates = np.array([recipe.learning_rate * coslog4(i / len(steps))])
        totals = take(np.arange(i * BATCH, (i + 1) * BATCH), i, rates)
        assert totals.loss_sum / BATCH * (1 if classes else 2) == pytest.approx(loss, rel=relative), f"step {i}"
        np.testing.assert_allclose(actual, parameters[2 * i + 1], rtol=0, atol=absolute, err_msg=f"step {i}")
    assert np.abs(actual - parameters[0]).max() > 0.05
