"""Pictures: what is written and drawn in them, and the command that keeps them as files."""

import importlib
import json
import subprocess
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from fastnet import Model, Network, Trainer, plots, save_model
from fastnet.cli import main
from fastnet.datasets import load_digits

NAMES = ["a sepal as long as the day is", "second", "$x^2$ & <b>"]


@pytest.fixture
def digits_files(tmp_path, monkeypatch):
    """A model of the digits, half trained, and the digits as a file, in the current folder."""
    monkeypatch.chdir(tmp_path)
    digits = load_digits()
    network = Network([64, 16, 10], seed=0, input_scale=1 / 16)
    Trainer(network, backend="numpy", seed=0).fit(digits.X, digits.y, epochs=2)
    save_model("m.safetensors", Model(network, image_shape=(8, 8)))
    np.savez("d.npz", X=digits.X.reshape(-1, 8, 8), y=digits.y)
    return network, digits


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_importing_fastnet_or_its_commands_does_not_import_matplotlib():
    code = "import sys, fastnet, fastnet.cli, fastnet.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_grid_shows_the_samples_and_marks_wrong_ones_by_a_sign_and_a_frame():
    X = np.arange(5 * 12).reshape(5, 12)
    figure = plots.samples(
        X, [0, 1, 2, 0, 1], [0, 2, 2, 1, 1], image_shape=(3, 4), labels=["a", "b", "c"], rows=2, columns=3
    )
    expected = ["a / a ✓", "b / c ✗", "c / c ✓", "a / b ✗", "b / b ✓"]
    actual = [axes.get_title().replace("actual ", "").replace("\npredicted", " /") for axes in figure.axes]
    assert actual == expected
    dashed = [axes.spines["top"].get_linestyle() == "--" for axes in figure.axes]
    assert dashed == [False, True, False, True, False]
    for axes, x in zip(figure.axes, X, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), x.reshape(3, 4))
        assert axes.images[0].get_clim() == (0, 59)


def test_samples_without_labels_have_no_signs_and_colours_stay_colours():
    X = np.linspace(0, 255, 2 * 4 * 5 * 3).reshape(2, 60)
    figure = plots.samples(X, None, [1, 0], image_shape=(4, 5, 3))
    assert [axes.get_title() for axes in figure.axes] == ["predicted 1", "predicted 0"]
    assert figure.axes[0].images[0].get_array().shape == (4, 5, 3)


def test_samples_that_are_no_images_are_bars_with_the_names_of_features():
    figure = plots.samples(
        [[1.0, -2.0, 0.5]], [0], [0], feature_names=["one", "two", "a name much too long for an axis"]
    )
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [1.0, -2.0, 0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two", "a name …n axis"]


def test_mistakes_come_in_the_order_of_confidence():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3], [0.05, 0.95]])
    figure = plots.mistakes(np.eye(5), [0, 0, 0, 1, 1], probabilities, rows=1, columns=2)
    assert [axes.get_title().split(":")[0] for axes in figure.axes] == ["#2", "#3"]
    figure = plots.mistakes(np.eye(2), [0, 1], np.eye(2))
    assert texts(figure.axes[0]) == ["no mistakes in 2 samples"]


def test_a_digit_has_bars_of_its_ten_most_probable_classes():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(100))
    figure = plots.digit(np.zeros((28, 28)), probabilities, y=3, labels=[f"class {i}" for i in range(100)])
    shown = np.sort(np.argsort(-probabilities)[:10])
    bars = figure.axes[1].patches
    np.testing.assert_array_equal([bar.get_width() for bar in bars], probabilities[shown])
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == [f"class {i}" for i in shown]
    assert f"predicted class {probabilities.argmax()} ✗" in figure.get_suptitle()
    assert [bar.get_hatch() for bar in plots.digit(np.zeros((2, 2)), [0.25, 0.75], y=0).axes[1].patches] == ["//", ""]


@pytest.mark.parametrize(
    ("n_classes", "numbered", "named"), [(1, 1, 1), (2, 4, 2), (20, 400, 20), (100, 0, 100), (300, 0, 100)]
)
def test_confusion_has_numbers_and_names_while_they_fit(n_classes, numbered, named):
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, n_classes, (2, 500))
    axes = plots.confusion(y, predicted, labels=[f"name of class {i}" for i in range(n_classes)]).axes[0]
    counts = np.zeros((n_classes, n_classes), int)
    np.add.at(counts, (y, predicted), 1)
    np.testing.assert_allclose(axes.images[0].get_array(), counts / np.maximum(counts.sum(1, keepdims=True), 1))
    assert len(axes.texts) == numbered
    assert texts(axes) == [str(count) for count in counts.ravel()][:numbered]
    assert len(axes.get_yticks()) == named
    assert axes.get_title() == f"500 samples, accuracy {100 * (y == predicted).mean():.2f} %"


def test_names_of_any_kind_can_be_saved(tmp_path):
    figure = plots.confusion([0, 1, 2], [0, 1, 1], labels=NAMES)
    plots.save(figure, tmp_path / "c.svg")
    words = [element.text for element in ElementTree.parse(tmp_path / "c.svg").iter() if element.tag.endswith("}text")]
    assert {"second", "$x^2$ & <b>", "a sepal as l… the day is"} <= set(words)


def test_curves_hold_the_figures_of_a_history():
    X, y = np.random.default_rng(0).normal(size=(2, 30, 4)), np.arange(30) % 3
    trainer = Trainer(Network([4, 3], seed=0), backend="numpy", seed=0)
    history = trainer.fit(X[0], y, validation=(X[1], y), epochs=4)
    loss, accuracy = plots.curves(history).axes
    for axes, names in ((loss, ("loss", "validation_loss")), (accuracy, ("accuracy", "validation_accuracy"))):
        assert [line.get_label() for line in axes.lines] == ["training", "validation"]
        for line, name in zip(axes.lines, names, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
            np.testing.assert_array_equal(line.get_ydata(), getattr(history, name))
    assert [axes.get_title() for axes in plots.curves({"loss": [2.0, 1.0], "accuracy": [None, None]}).axes] == ["loss"]


def test_weights_are_an_image_for_each_unit_or_a_heat_map():
    W = np.random.default_rng(0).normal(size=(12, 5))
    figure = plots.weights(W, image_shape=(3, 4), rows=2, columns=2)
    assert len(figure.axes) == 4
    assert len(plots.weights(W, image_shape=(3, 4), rows=2, columns=3).axes) == 5
    for axes, w in zip(figure.axes, W.T, strict=False):
        np.testing.assert_allclose(axes.images[0].get_array(), w.reshape(3, 4) / np.abs(w).max(), rtol=1e-12)
    axes = plots.weights(W, feature_names=[f"feature {i}" for i in range(12)]).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), W)
    assert axes.get_yticklabels()[11].get_text() == "feature 11"


def test_the_learning_rate_finder_marks_its_suggestion_and_survives_divergence():
    result = SimpleNamespace(lrs=[0.01, 0.1, 1.0], losses=[2.0, 1.0, np.inf], suggestion=0.1)
    (axes,) = plots.lr_finder(result).axes
    assert (axes.get_xscale(), axes.lines[1].get_xdata()[0]) == ("log", 0.1)
    low, high = axes.get_ylim()
    assert low < 1.0
    assert 2.0 < high < 10.0
    assert len(plots.lr_finder(SimpleNamespace(**{**vars(result), "suggestion": None})).axes[0].lines) == 1


def test_figures_are_png_for_notebooks():
    assert plots.confusion([0], [0])._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.samples(np.zeros((0, 4))), "X must hold at least one sample"),
        (lambda: plots.samples(np.zeros(4)), "X must hold numbers of shape"),
        (lambda: plots.samples(np.eye(3), [0, 1]), "y must have a class for each of 3 samples, got 2"),
        (lambda: plots.samples(np.eye(3), image_shape=(2, 2)), "must hold 3 features, it holds 4"),
        (lambda: plots.samples(np.eye(4), image_shape=(2, 1, 2)), r"image_shape must be \(height, width\)"),
        (lambda: plots.samples(np.eye(3), [0, 1, 2], labels=["a"]), "labels must hold a name for each class up to 2"),
        (lambda: plots.samples(np.eye(3), feature_names=["a"]), "feature_names must hold a name for each of 3"),
        (lambda: plots.samples(np.eye(3), rows=0), "rows must be"),
        (lambda: plots.mistakes(np.eye(3), [0, 1], np.eye(2)), "a row for each of 3 samples, got 2"),
        (lambda: plots.mistakes(np.eye(3), [0, 1, 0], np.eye(2)), "a row for each of 3 samples, got 2"),
        (lambda: plots.digit(np.eye(3), np.eye(2)), "probabilities must have shape"),
        (lambda: plots.confusion([[0]], [0]), r"y must have shape \(n_samples,\), got \(1, 1\)"),
        (lambda: plots.weights(np.eye(3), feature_names=["a"]), "feature_names must hold a name for each of 3"),
        (lambda: plots.digit(np.eye(3), [0.5, 0.5], y=2), "y must hold classes from 0 to 1"),
        (lambda: plots.confusion([0, 1], [0]), "predicted must have as many samples as y, 2, got 1"),
        (lambda: plots.confusion([0, 2], [0, 1], labels=["a", "b"]), "y must hold classes from 0 to 1, got 0 to 2"),
        (lambda: plots.confusion([-1], [0]), "y must hold classes from 0"),
        (lambda: plots.weights(np.zeros((100, 2))), "image_shape is needed to draw weights of 100 features"),
        (lambda: plots.weights(np.zeros(3)), "network must be a Network or weights"),
        (lambda: plots.curves({"loss": []}), "history must hold some of"),
        (lambda: plots.curves({"loss": [1, 2], "accuracy": [1]}), "as many numbers of each kind"),
        (lambda: plots.lr_finder(SimpleNamespace(lrs=[1, 2], losses=[1], suggestion=1)), "the same length"),
        (lambda: plots.lr_finder(SimpleNamespace(lrs=[1], losses=[np.nan], suggestion=1)), "a finite one"),
        (lambda: plots.save(plots.confusion([0], [0]), "picture.gif"), "must end in .png, .svg, .pdf"),
    ],
)
def test_bad_arguments_are_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_classes_must_be_whole_numbers():
    with pytest.raises(TypeError, match="predicted must hold class numbers, got float64"):
        plots.confusion([0, 1], [0.0, 1.5])
    with pytest.raises(TypeError, match="history must be a History"):
        plots.curves([1.0, 2.0])


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["samples", "--rows", "2", "--columns", "4", "--seed", "1"], ["predicted"]),
        (["digit", "--index", "7"], ["probability (hatched: actual)"]),
        (["confusion"], ["share of the actual class"]),
        (["mistakes", "--rows", "1"], ["✗"]),
    ],
)
def test_the_command_draws_what_needs_data(digits_files, argv, words):
    assert main(["plot", argv[0], "m.safetensors", "d.npz", *argv[1:], "--backend", "numpy", "--out", "p.svg"]) == 0
    with open("p.svg", encoding="utf-8") as file:
        text = file.read()
    assert all(word in text for word in words)


def test_the_command_draws_weights_and_curves_from_their_files_alone(digits_files, capsys):
    assert main(["plot", "weights", "m.safetensors", "--rows", "1", "--columns", "2"]) == 0
    assert capsys.readouterr().out == "saved  weights.png\n"
    rows = [{"epoch": i, "loss": 1 / i, "accuracy": None, "test_loss": 2 / i, "test_accuracy": None} for i in (1, 2)]
    with open("run.json", "w", encoding="utf-8") as file:
        json.dump({"history": rows}, file)
    assert main(["plot", "curves", "run.json", "--out", "c.pdf"]) == 0
    with open("c.pdf", "rb") as file:
        assert file.read(5) == b"%PDF-"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["samples", "m.safetensors"], "samples takes DATA"),
        (["weights", "m.safetensors", "d.npz"], "weights takes no DATA"),
        (["confusion", "m.safetensors", "d.npz", "--index", "1"], "--index is not for confusion"),
        (["digit", "m.safetensors", "d.npz", "--index", "5000"], "--index must be from 0 to 1796, got 5000"),
        (["weights", "m.safetensors", "--out", "w.gif"], "must end in .png, .svg, .pdf"),
        (["weights", "m.safetensors", "--out", "m.safetensors"], "must end in"),
        (["curves", "m.safetensors"], "m.safetensors: keeps no history of training"),
        (["curves", "empty.json"], "empty.json: holds no history of training"),
        (["curves", "words.json"], "words.json: loss must be a number, got 'low'"),
        (["curves", "missing.json"], "missing.json"),
        (["curves", "cut.json"], "cut.json: not a JSON document"),
        (["curves", "odd.safetensors"], "odd.safetensors: damaged history"),
        (["confusion", "m.safetensors", "many.npz"], "labels of up to 10, expected less than 10, the classes of m."),
        (["confusion", "values.safetensors", "d.npz"], "tells classes apart, got one with the loss squared_error"),
        (["nothing", "m.safetensors"], "nothing"),
    ],
)  # fmt: skip
def test_misuse_of_the_command_is_one_line(digits_files, capsys, argv, message):
    save_model("values.safetensors", Model(Network([64, 1], seed=0), "squared_error"))
    odd = {"history": {"loss": {"a": 1}}}
    save_model("odd.safetensors", Model(Network([64, 2], seed=0), settings=odd))
    np.savez("many.npz", X=np.zeros((11, 64)), y=np.arange(11))
    for name, text in (("empty.json", "{}"), ("words.json", '{"history": [{"loss": "low"}]}'), ("cut.json", "{ ")):
        with open(name, "w", encoding="utf-8") as file:
            file.write(text.ljust(9))
    assert main(["plot", *argv, "--backend", "numpy"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("fastnet: error: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_what_needs_matplotlib_says_so(digits_files, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["plot", "weights", "m.safetensors"]) == 2
    assert "needs matplotlib, which `pip install matplotlib` brings" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "fastnet.plots")
    with pytest.raises(ImportError, match=r"fastnet\.plots needs matplotlib"):
        importlib.import_module("fastnet.plots")
