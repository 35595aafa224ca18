"""Recipes on small data: what they prepare and train, alike with both backends."""

from dataclasses import replace

import numpy as np
import pytest
from tiers import tiered

from fastnet import SGD
from fastnet.datasets import Dataset, load_digits
from fastnet.recipes import RECIPES, find_recipe, prepare, run_recipe
from fastnet.recipes.run import make_trainer

SETTINGS = [(name, other) for name, recipe in RECIPES.items() for other in {False, bool(recipe.other)}]


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


# All are run with the reference in tests/cli/commands/test_recipes.py, where the table is made.
@tiered(("name", "other"), SETTINGS, lambda *setting: setting in [("kaggle-relu", False), ("best", False)])
def test_both_backends_tell_the_same_story(images, name, other):
    recipe = shortened(name)
    recipe = recipe.chosen(recipe.setting != "better") if other else recipe
    if name == "sigmoid-72-36" and other:  # steps on pixels up to 255 blow up float32's rounding in no time
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
    written = run_recipe(shortened("sigmoid-72-36"), images, "numpy", better=False).trainer.network
    assert written.input_scale == 1.0
    assert run_recipe(shortened("kaggle-relu"), images, "numpy").trainer.network.input_scale == 1 / images.X.max()


@pytest.mark.parametrize("name", ["kaggle-relu", "kaggle-relu-fast", "sigmoid-72-36"])
def test_the_better_setting_runs_by_name_where_the_method_falls_short(name):
    assert RECIPES[name].setting == "better"


@pytest.mark.parametrize("name", ["sigmoid-128-sgd", "relu-he-saved"])
def test_the_method_runs_by_name_where_it_gets_there(name):
    assert RECIPES[name].setting == "as written"


@pytest.mark.parametrize(
    ("name", "init", "lr", "momentum", "scaled"),
    [
        ("kaggle-relu", "uniform", 0.1, 0.0, True),
        ("kaggle-relu-fast", "uniform", 1.0, 0.0, True),
        ("sigmoid-72-36", "uniform", 1.0, 0.0, False),
        ("sigmoid-128-sgd", "scaled_uniform", 0.001, 0.0, False),
        ("relu-he-saved", "he_normal", 0.1, 0.0, True),
    ],
)
def test_as_written_is_what_the_notebook_does(name, init, lr, momentum, scaled):
    written = RECIPES[name].as_written()
    assert written.setting == "as written"
    assert (written.init, written.scaled) == (init, scaled)
    assert written.optimizer == SGD(lr=lr, momentum=momentum)


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.other])
def test_the_two_settings_differ_in_what_is_said_to_and_in_nothing_else(name):
    better, written = RECIPES[name].improved(), RECIPES[name].as_written()
    assert (better.setting, written.setting) == ("better", "as written")
    assert better.other.keys() == written.other.keys()
    for attribute in vars(better).keys() - {"setting", "other"}:
        differs = getattr(better, attribute) != getattr(written, attribute)
        assert differs == (attribute in better.other), attribute
    assert better.as_written() == written
    assert written.improved() == better
    assert better.explain()["setting"] == f"better: {better.better_why}"
    assert written.explain()["setting"] == "as written: the notebook's method, its faults mended"
    assert written.explain()["better"].startswith(better.better_why)
    assert all(attribute in better.explain()["as written"] for attribute in better.other)
    assert (better.steps, better.epochs, better.batch_size) == (written.steps, written.epochs, written.batch_size)


@pytest.mark.parametrize("name", ["best", "fast"])
def test_what_no_notebook_has_is_neither_better_nor_as_written(name):
    recipe = RECIPES[name]
    assert recipe.chosen(None) is recipe
    assert recipe.explain()["setting"] == "fastnet's own"
    with pytest.raises(ValueError, match=f"{name}: has one setting only, fastnet's own, and none better"):
        recipe.chosen(True)
    with pytest.raises(ValueError, match=f"{name}: has one setting only, fastnet's own, and none as written"):
        recipe.chosen(False)


@pytest.mark.parametrize("name", ["kaggle-relu-fast", "sigmoid-72-36", "sigmoid-128-sgd"])
def test_each_setting_trains_a_network_of_its_own(images, name):
    recipe = shortened(name)
    ways = {better: run_recipe(recipe, images, "numpy", seed=1, better=better) for better in (None, True, False)}
    parameters = {better: result.trainer.network.parameters for better, result in ways.items()}
    by_name = recipe.setting == "better"
    np.testing.assert_array_equal(parameters[None], parameters[by_name])
    assert (parameters[True] != parameters[False]).any()
    assert ways[True].recipe == recipe.improved()
    assert ways[False].recipe == recipe.as_written()


def untrained(name, better, images):
    """Return the network that a recipe begins with."""
    recipe = RECIPES[name].chosen(better)
    return make_trainer(recipe, images.X, 10, recipe.settings("numpy", seed=0)).network


def test_sigmoids_are_saturated_as_written_and_not_in_the_better_setting(images):
    shares = {}
    for better in (False, True):
        network = untrained("sigmoid-72-36", better, images)
        z = images.X * network.input_scale @ network.weights[0] + network.biases[0]
        shares[better] = np.mean(np.abs(z) > 5)  # where the slope is below 0.007
    assert shares[False] > 0.9
    assert shares[True] < 0.01


@pytest.mark.parametrize("name", ["kaggle-relu", "kaggle-relu-fast"])
def test_weights_are_several_times_too_large_as_written_and_not_in_the_better_setting(images, name):
    bound = np.sqrt(6 / 784)  # He et al., 2015
    written, better = (untrained(name, wanted, images) for wanted in (False, True))
    assert np.abs(better.weights[0]).max() <= bound
    assert np.abs(written.weights[0]).std() > 5 * np.abs(better.weights[0]).std()
    assert written.biases[0].any()
    assert not better.biases[0].any()


@pytest.mark.parametrize("seed", range(3))
def test_the_better_setting_ends_above_the_method_that_falls_short(images, seed):
    recipe = replace(RECIPES["sigmoid-72-36"], steps=40, every=10)
    by_name, as_written = (run_recipe(recipe, images, "numpy", seed, better=better) for better in (None, False))
    assert by_name.accuracies["train"] > as_written.accuracies["train"] + 0.1
    assert by_name.accuracies["test"] > as_written.accuracies["test"] + 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_that_rises_first_keeps_enough_relus(images, seed):
    by_name = replace(RECIPES["kaggle-relu-fast"], steps=100, every=50)
    ways = (by_name, replace(by_name, schedule="constant"), by_name.as_written())
    rising, constant, written = (run_recipe(way, images, "numpy", seed).accuracies["train"] for way in ways)
    assert rising > 0.9
    assert max(constant, written) < 0.6


def test_a_variant_of_a_recipe_runs_as_it_stands(images):
    recipe = replace(shortened("kaggle-relu-fast"), optimizer=SGD(lr=0.125))
    assert run_recipe(recipe, images, "numpy").trainer.settings.optimizer == SGD(lr=0.125)


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
