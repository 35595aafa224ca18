"""`fastnet show`: samples drawn with characters, within the width of the terminal."""

import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fastnet import Model, Network, Trainer, save_model
from fastnet.cli import blocks, main
from fastnet.cli.blocks import Screen, bars, picture, screen_of
from fastnet.datasets import load_digits

PLAIN, COLOURED = Screen(80, False, False), Screen(80, True, True)


@pytest.fixture
def digits_files(tmp_path, monkeypatch):
    """A model of the digits, half trained, and the digits as a file, in the current folder."""
    monkeypatch.chdir(tmp_path)
    digits = load_digits()
    network = Network([64, 16, 10], seed=0, input_scale=1 / 16)
    trainer = Trainer(network, backend="numpy", seed=0)
    trainer.fit(digits.X, digits.y, epochs=2)
    names = tuple(f"the digit {i}" for i in range(10))
    save_model("m.safetensors", Model(network, image_shape=(8, 8), labels=names))
    np.savez("d.npz", X=digits.X.reshape(-1, 8, 8), y=digits.y)
    return digits, trainer.predict_proba(digits.X)


def show(capsys, *argv):
    assert main(["show", "m.safetensors", "d.npz", *argv, "--backend", "numpy"]) == 0
    return capsys.readouterr().out


def test_half_blocks_hold_two_rows_of_pixels():
    image = np.linspace(0, 1, 20 * 30).reshape(20, 30)
    lines = picture(image, COLOURED)
    assert [line.plain for line in lines] == ["▀" * 30] * 10
    for line, upper, lower in zip(lines, image[::2], image[1::2], strict=True):
        colours = [span.style for span in line.spans for _ in range(span.start, span.end)]
        assert [style.color.triplet.red for style in colours] == np.rint(255 * upper).astype(int).tolist()
        assert [style.bgcolor.triplet.blue for style in colours] == np.rint(255 * lower).astype(int).tolist()


def test_ascii_is_darker_where_the_image_is():
    image = np.zeros((20, 20))
    image[:10, :10] = 1.0
    expected = ["@" * 10 + " " * 10] * 5 + [" " * 20] * 5
    assert [line.plain for line in picture(image, PLAIN)] == expected


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (27, 31), (1, 1), (5, 200), (300, 300), (28, 28, 3)])
@pytest.mark.parametrize("columns", [20, 40, 100])
@pytest.mark.parametrize("colour", [False, True])
def test_pictures_fit_any_width_and_keep_their_proportions(shape, columns, colour):
    image = np.random.default_rng(0).random(shape)
    lines = picture(image, Screen(columns, colour, colour))
    width = lines[0].cell_len
    assert {line.cell_len for line in lines} == {width}
    assert width <= columns
    assert 2 * len(lines) == pytest.approx(width * shape[0] / shape[1], abs=1.6)


@pytest.mark.parametrize("columns", [20, 40, 100])
@pytest.mark.parametrize("blocks", [False, True])
def test_bars_fit_and_are_as_long_as_their_values(columns, blocks):
    names = ["7", "a name that is rather longer than a narrow terminal has room for", ""]
    lines = [
        line.plain for line in bars(names, [0.0, 0.5, 1.0], ["", "<", ""], columns, Screen(columns, blocks, blocks))
    ]
    assert max(map(len, lines)) <= columns
    lengths = [line.count("█" if blocks else "#") for line in lines]
    assert lengths[0] == 0
    assert lengths[1] == round(lengths[2] / 2)
    assert all(f"{share} %" in line for share, line in zip(("0.0", "50.0", "100.0"), lines, strict=True))
    assert all(line.isascii() for line in lines) == (not blocks)


def test_what_a_console_cannot_show_is_not_asked_of_it(monkeypatch):
    def screen(encoding="utf-8", **options):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        return screen_of(Console(file=stream, width=50, **options))

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert screen(force_terminal=True) == (50, True, True)
    assert screen() == (50, False, False)
    assert screen("latin-1", force_terminal=True) == (50, False, False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen(force_terminal=True) == (50, False, False)


@pytest.mark.parametrize("columns", [40, 100])
def test_the_command_keeps_to_the_width_and_says_what_is_right(digits_files, capsys, monkeypatch, columns):
    digits, probabilities = digits_files
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = show(capsys, "--index", "7").splitlines()
    assert max(map(len, lines)) <= columns
    assert "".join(lines).isascii()
    actual, predicted = digits.y[7], probabilities[7].argmax()
    title = f"sample 7: predicted the digit {predicted}, actual the digit {actual}: "
    assert " ".join(lines).startswith(title + ("right" if actual == predicted else "WRONG"))
    assert sum("%" in line and "." in line for line in lines) >= 10
    beside = [line for line in lines if f"{100 * probabilities[7, 0]:.1f} %" in line]
    assert beside


def test_mistakes_come_in_the_order_of_confidence(digits_files, capsys):
    digits, probabilities = digits_files
    document = json.loads(show(capsys, "--wrong", "--count", "4", "--json"))
    predicted, share = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != digits.y)
    expected = wrong[np.argsort(-share[wrong])][:4]
    assert [row["index"] for row in document["samples"]] == expected.tolist()
    for row in document["samples"]:
        assert row["actual"] == f"the digit {digits.y[row['index']]}"
        assert row["predicted"] == max(row["probabilities"], key=row["probabilities"].get)
        assert row["correct"] is False
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-6)


def test_several_samples_come_one_after_the_other(digits_files, capsys):
    titles = [line for line in show(capsys, "--index", "3, 0,3").splitlines() if line.startswith("sample ")]
    assert [title.split(":")[0] for title in titles] == ["sample 3", "sample 0", "sample 3"]


def test_features_that_are_no_image_are_listed_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowers.csv").write_text("length,width,label\n1.5,-2,0\n3,4,1\n", encoding="utf-8")
    save_model("m.safetensors", Model(Network([2, 2], seed=0)))
    assert main(["show", "m.safetensors", "flowers.csv", "--backend", "numpy"]) == 0
    words = capsys.readouterr().out.split()
    assert words[words.index("length") + 1] == "1.5"
    assert words[words.index("width") + 1] == "-2"
    wide = np.zeros((1, 100))
    np.save("wide.npy", wide)
    save_model("m.safetensors", Model(Network([100, 200], seed=0)))
    assert main(["show", "m.safetensors", "wide.npy", "--backend", "numpy"]) == 0
    assert "and 80 more features" in capsys.readouterr().out


def test_no_mistakes_are_no_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    network = Network([1, 2], seed=0)
    network.weights[0][:] = [[1.0, -1.0]]
    save_model("m.safetensors", Model(network))
    np.savez("d.npz", X=[[1.0], [-1.0]], y=[0, 1])
    assert "no mistakes in 2 samples" in show(capsys, "--wrong")
    assert json.loads(show(capsys, "--wrong", "--json"))["samples"] == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--index", "x"], "--index must be whole numbers from 0"),
        (["--index", "1,"], "--index must be whole numbers from 0"),
        (["--index", "1797"], "--index must be from 0 to 1796, got 1797"),
        (["--index", "1", "--wrong"], "--index and --wrong: expected one of them"),
        (["--count", "2"], "--count needs --wrong"),
    ],
)
def test_misuse_is_one_line(digits_files, capsys, argv, message):
    assert main(["show", "m.safetensors", "d.npz", *argv, "--backend", "numpy"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"fastnet: error: {message}")
    assert errors.count("\n") == 1


def test_models_of_values_are_refused(digits_files, capsys):
    save_model("m.safetensors", Model(Network([64, 2], seed=0), "squared_error"))
    assert main(["show", "m.safetensors", "d.npz", "--backend", "numpy"]) == 2
    assert "fastnet show needs a model that tells classes apart" in capsys.readouterr().err


def test_shrinking_keeps_the_mean():
    image = np.random.default_rng(0).random((12, 30))
    actual = blocks._shrunk(blocks._shrunk(image, 4, 0), 10, 1)
    np.testing.assert_allclose(actual, image.reshape(4, 3, 10, 3).mean(axis=(1, 3)), rtol=1e-12)


def test_labels_that_the_model_does_not_know_are_not_left_out_silently(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_model("m.npz", Model(Network([2, 2], seed=0), labels=("calm", "wild")))
    Path("d.csv").write_text("a,b,label\n1,2,calm\n3,4,mad\n")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["show", "m.npz", "d.csv", "--backend", "numpy"]) == 0
    shown = capsys.readouterr()
    assert shown.err == (
        "fastnet: warning: d.csv: class 'mad' is none of the 2 that m.npz was trained on; the labels are ignored\n"
    )
    assert "actual" not in shown.out
