"""Recipes on small data: what they prepare and train, alike with both backends."""

from dataclasses import replace

import numpy as np
import pytest
from tiers import tiered

from fastnet.datasets import Dataset, load_digits
from fastnet.recipes import RECIPES, find_recipe, prepare, run_recipe

SETTINGS = [(name, better) for name, recipe in RECIPES.items() for better in {False, bool(recipe.better)}]


@pytest.fixture(scope="module")
def images():
    """Blurred digits on 28 x 28 pixels, of the shape and range of MNIST's."""
    digits = load_digits()
    X = np.repeat(np.repeat(digits.X.reshape(-1, 8, 8), 3, axis=1), 3, axis=2) * 15
    X = np.pad(X, ((0, 0), (2, 2), (2, 2))).reshape(len(X), 784)
    return Dataset(X[:300], digits.y[:300], X[300:400], digits.y[300:400], "images", (28, 28))


def shortened(name):
    """Return a recipe for a few steps on three hundred images, with metrics as often as it has them."""
    recipe = RECIPES[name]
    if recipe.steps is None:
        return replace(recipe, hidden=tuple(24 for _ in recipe.hidden), epochs=2)
    return replace(recipe, steps=6, every=2, print_every=4)


# All are run with the reference in tests/cli/commands/test_recipes.py.
@tiered(("name", "better"), SETTINGS, lambda *setting: setting in [("kaggle-relu", False), ("best", False)])
def test_both_backends_tell_the_same_story(images, name, better):
    recipe = shortened(name)
    recipe = recipe.improved() if better else recipe
    if name == "sigmoid-72-36" and not better:  # steps on pixels up to 255 blow up float32's rounding in no time
        recipe = replace(recipe, dtype="float64")
    expected, actual = (run_recipe(recipe, images, backend, seed=3) for backend in ("numpy", "numba"))
    np.testing.assert_allclose(actual.history.loss, expected.history.loss, rtol=2e-4)
    assert [epoch.step for epoch in actual.history.epochs] == [epoch.step for epoch in expected.history.epochs]
    n_samples = {part: len(y) for part, (_, y) in prepare(recipe, images, 3).items()}
    assert list(n_samples) == list(actual.accuracies) == list(expected.accuracies)
    for part, accuracy in expected.accuracies.items():  # a sample on the boundary may fall on either side
        assert abs(actual.accuracies[part] - accuracy) <= 2 / n_samples[part]


@pytest.mark.parametrize("name", ["fast", "relu-he-saved"])
def test_recipes_learn(images, name):
    recipe = replace(RECIPES[name], steps=60, every=10)
    result = run_recipe(recipe, images, "numpy")
    assert result.history.loss[-1] < 0.7 * result.history.loss[0]
    assert result.accuracies["test"] > 0.5


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_held_out_is_not_trained_on(images, name):
    marked = replace(images, X=np.arange(300)[:, None].repeat(3, axis=1).astype(np.float32), X_test=None, y_test=None)
    recipe, parts = RECIPES[name], prepare(name, marked, seed=1)
    rows = {part: set(X[:, 0].astype(int)) for part, (X, _) in parts.items()}
    (held_out,) = rows.keys() - {"train"}
    assert held_out == (recipe.held_out_name if recipe.held_out else "test")
    assert rows["train"] | rows[held_out] == set(range(300))
    share = recipe.held_out / recipe.rows if recipe.held_out else 0.2
    assert len(rows[held_out]) == pytest.approx(300 * share, abs=6)
    assert len(rows["train"]) + len(rows[held_out]) == 300
    for part, (X, y) in parts.items():
        np.testing.assert_array_equal(y, images.y[X[:, 0].astype(int)], err_msg=part)


def test_only_the_first_rows_are_used(images):
    recipe = replace(RECIPES["kaggle-relu"], rows=100, held_out=10)
    parts = prepare(recipe, images)
    assert {part: len(y) for part, (_, y) in parts.items()} == {"train": 90, "dev": 10, "test": 100}
    used = np.concatenate([parts["train"][0], parts["dev"][0]])
    np.testing.assert_array_equal(np.sort(used.sum(axis=1)), np.sort(images.X[:100].sum(axis=1)))


def test_accuracies_come_at_the_interval_of_the_notebook(images):
    recipe, heard = replace(RECIPES["sigmoid-128-sgd"], steps=12, every=2, print_every=4), []
    result = run_recipe(recipe, images, "numpy", callbacks=[heard.append])
    assert [epoch.step for epoch in result.history.epochs] == [2, 4, 6, 8, 10, 12]
    assert heard == result.history.epochs
    assert heard[-1].validation.accuracy == result.accuracies["validation"]


def test_networks_without_biases_and_unscaled_pixels_stay_so(images):
    network = run_recipe(shortened("sigmoid-128-sgd"), images, "numpy").trainer.network
    assert not any(b.any() for b in network.biases)
    assert network.input_scale == 1.0
    assert run_recipe(shortened("kaggle-relu"), images, "numpy").trainer.network.input_scale == 1 / images.X.max()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_better_settings_are_others_than_those_of_the_notebook(recipe):
    if not recipe.better:
        with pytest.raises(ValueError, match="one setting only"):
            recipe.improved()
        return
    assert all(getattr(recipe, name) != value for name, value in recipe.better.items())
    assert replace(recipe.improved(), **{name: getattr(recipe, name) for name in recipe.better}) == recipe
    assert recipe.explain()["better"].startswith(recipe.better_why)


def test_names_that_are_not_known_bring_the_nearest():
    with pytest.raises(ValueError, match=r"'sigmoid-7236' is not known, did you mean 'sigmoid-72-36'\?"):
        find_recipe("sigmoid-7236")
    with pytest.raises(ValueError, match=r"'zzz' is not known, expected one of kaggle-relu, .*, fast"):
        find_recipe("zzz")
    with pytest.raises(TypeError, match="recipe must be a Recipe or a name, got int"):
        find_recipe(7)


def test_data_without_labels_or_with_too_few_samples_is_refused(images):
    with pytest.raises(ValueError, match="data must have labels; images has none"):
        prepare("best", replace(images, y=None, y_test=None))
    with pytest.raises(ValueError, match="images: 1 samples, too few to hold out 1"):
        prepare("kaggle-relu", replace(images, X=images.X[:1], y=images.y[:1]))
