"""The HTML report: well formed, self-contained, escaped, and with the metrics of the model."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from data_frames import Frame
from sklearn.metrics import precision_recall_fscore_support

from fastnet import Model, Network, Trainer, load_model, save_model
from fastnet.cli import main
from fastnet.datasets import load_digits
from fastnet.preprocessing import Preprocessing
from fastnet.report import html_report, write_report
from fastnet.report.pictures import chart

EVIL = '<script>alert("1")</script> & \'"><img src=http://example.org/x.png>'
VOID = {"img", "meta"}


class Page(HTMLParser):
    """A page's elements, its text by element, and whether they are nested well."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.cells, self.rows = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)
        if name == "tr":
            self.rows.append([])
        if name in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, text):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += text
        self.cells.append(text)

    def of(self, name):
        return [attributes for kind, attributes in self.elements if kind == name]

    def row(self, first, columns):
        (found,) = [row for row in self.rows if row and row[0] == first and len(row) == columns]
        return found


def case(n_classes, n_features=12, image_shape=(3, 4), samples=60, **fields):
    rng = np.random.default_rng(0)
    network = Network([n_features, 5, n_classes], seed=0)
    X, y = rng.normal(size=(samples, n_features)).astype(np.float32), rng.integers(0, n_classes, samples)
    return Model(network, image_shape=image_shape, **fields), X, y


def run_document(n_epochs=3):
    rows = [
        {"epoch": i, "loss": 1 / i, "accuracy": 1 - 1 / i, "test_loss": None, "test_accuracy": 0.5}
        for i in range(1, n_epochs + 1)
    ]
    return {"history": rows, "settings": {"seed": 12345, "lr": 0.25, "note": EVIL}, "samples_per_second": 1e6,
            "run_seconds": 1.5, "data": {"name": EVIL}}  # fmt: skip


@pytest.mark.parametrize("n_classes", [2, 10, 20, 21, 100])
@pytest.mark.parametrize("image_shape", [(3, 4), (2, 2, 3), None])
def test_pages_are_nested_well_load_nothing_and_escape_all(n_classes, image_shape):
    model, X, y = case(n_classes, image_shape=image_shape)
    labels = [f"{EVIL} {i}" for i in range(n_classes)]
    features = [f"{EVIL} {i}" for i in range(12)]
    text = html_report(
        model, X, y, name=EVIL, labels=labels, feature_names=features, training=run_document(), backend="numpy"
    )
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "a"} & {name for name, _ in page.elements}
    for name, attributes in page.elements:
        assert not any(attribute.startswith("on") or attribute == "href" for attribute in attributes)
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert name != "img" or attributes["alt"]
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert f"Report: {EVIL}" in "".join(page.cells)
    assert all(attributes.get("scope") in ("row", "col") for attributes in page.of("th"))
    assert page.of("html") == [{"lang": "en"}]
    assert "default-src 'none'" in page.of("meta")[1]["content"]


def test_of_many_classes_the_pairs_confused_most_are_listed():
    model, X, y = case(30, samples=400)
    page = Page(html_report(model, X, y, backend="numpy"))
    predicted = Trainer(model.network, backend="numpy").predict(X)
    counts = np.zeros((30, 30), int)
    np.add.at(counts, (y, predicted), 1)
    np.fill_diagonal(counts, 0)
    begin = page.rows.index(["actual", "predicted", "samples", "share of the class"]) + 1
    listed = page.rows[begin : begin + 15]
    assert [int(row[2]) for row in listed] == np.sort(counts, axis=None)[:-16:-1].tolist()
    assert all(counts[int(row[0]), int(row[1])] == int(row[2]) for row in listed)


def test_metrics_are_those_of_the_model():
    model, X, y = case(4)
    trainer = Trainer(model.network, backend="numpy")
    page = Page(html_report(model, X, y, training=run_document(), backend="numpy"))
    loss, accuracy = trainer.evaluate(X, y)
    text = " ".join(page.cells)
    assert f"{100 * accuracy:.2f} %" in text
    assert f"{loss:.4f}" in text
    predicted = trainer.predict(X)
    precision, recall, f1, samples = precision_recall_fscore_support(y, predicted, labels=range(4), zero_division=0)
    for i in range(4):
        shown = [f"{100 * value:.2f} %" for value in (precision[i], recall[i], f1[i])]
        shown = [shown[0] if (predicted == i).any() else "-", *shown[1:]]
        (row,) = [row for row in page.rows if row[0] == str(i) and len(row) == 5 and "%" in row[-1]]
        assert row == [str(i), str(samples[i]), *shown]
        counts = [str(int(((y == i) & (predicted == j)).sum())) for j in range(4)]
        assert [str(i), *counts] in page.rows
    assert page.row("seed", 2)[1] == "12345"
    assert page.row("lr", 2)[1] == "0.25"
    training, prediction = page.row("training", 5), page.row("prediction", 5)
    flop = 2 * (12 * 5 + 5 * 4)
    assert training[1:4] == ["1,000,000", f"{2 * flop + 2 * 5 * 4:,}", "0.4"]
    assert prediction[2] == f"{flop:,}"
    assert all(float(row[4].removesuffix(" %")) >= 0 for row in (training, prediction))


def test_samples_mistakes_and_weights_are_pictures_with_words():
    model, X, y = case(3)
    page = Page(html_report(model, X, y, backend="numpy"))
    predicted = Trainer(model.network, backend="numpy").predict(X)
    alts = [attributes["alt"] for attributes in page.of("img")]
    assert alts[:24] == [f"Sample {i}: {y[i]}, predicted as {predicted[i]}" for i in range(24)]
    wrong = np.flatnonzero(predicted != y)
    confidence = Trainer(model.network, backend="numpy").predict_proba(X).max(axis=1)
    expected = wrong[np.argsort(-confidence[wrong])][:24]
    assert [int(re.match(r"Sample (\d+)", alt)[1]) for alt in alts[24:-5]] == expected.tolist()
    assert alts[-5:] == [f"Weights of unit {i}" for i in range(5)]


def test_samples_that_are_no_images_are_tables_with_the_names_of_features():
    model, X, y = case(2, n_features=3, image_shape=None, samples=1)
    page = Page(html_report(model, X, y, labels=["no", "yes"], feature_names=["a", "b", "c"], backend="numpy"))
    assert page.of("img") == []
    assert ["sample", "actual", "predicted", "probability", "a", "b", "c"] in page.rows
    values = [f"{value:.4g}" for value in X[0].tolist()]
    assert {tuple(row[4:]) for row in page.rows if row[0] == "0" and len(row) == 7} == {tuple(values)}
    assert [f"{value:.3f}" for value in model.network.weights[0][1].tolist()] == page.row("b", 6)[1:]


def test_the_model_prepares_inputs_and_names_classes():
    _, X, y = case(2)
    network = Network([12, 2], seed=0)
    preprocessing = Preprocessing.fit(1000 * X + 5000, "standardize")
    model = Model(network, labels=("first class", "second class"), preprocessing=preprocessing)
    page = Page(html_report(model, 1000 * X + 5000, y, backend="numpy"))
    accuracy = np.mean(model.predict(1000 * X + 5000, backend="numpy") == np.array(model.labels)[y])
    assert f"{100 * accuracy:.2f} %" in page.cells
    assert page.row("second class", 5)[1] == str(np.count_nonzero(y == 1))


def test_a_single_sigmoid_tells_two_classes_apart():
    _, X, y = case(2)
    model = Model(Network([12, 1], seed=0), "binary_cross_entropy")
    page = Page(html_report(model, X, y, backend="numpy"))
    accuracy = Trainer(model.network, loss=model.loss, backend="numpy").evaluate(X, y).accuracy
    assert f"{100 * accuracy:.2f} %" in page.cells


@pytest.mark.parametrize("n_points", [1, 2, 599, 600, 601, 5000])
def test_curves_keep_their_ends_and_break_where_values_are_missing(n_points):
    at = [float(i) for i in range(1, n_points + 1)]
    page = Page(chart("loss", at, {"training": [1 / i for i in at], "test": [0.5] * n_points}, "epoch", False))
    lines = [item["points"].split() for item in page.of("polyline")]
    if n_points == 1:
        assert (lines, len(page.of("circle"))) == ([], 2)
        return
    assert [len(line) <= 601 for line in lines] == [True, True]
    assert [line[0].split(",")[0] for line in lines] == ["56", "56"]
    assert [line[-1].split(",")[0] for line in lines] == ["456", "456"]
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert (heights[0], heights[-1]) == (14, 234), "the largest value is at the top"
    assert heights == sorted(heights)
    assert all(14 <= float(line["y1"]) == float(line["y2"]) <= 234 for line in page.of("line"))
    broken = Page(chart("loss", [1, 2, 3, 4, 5], {"training": [1, 2, None, 4, float("nan")]}, "epoch", False))
    assert (len(broken.of("polyline")), len(broken.of("circle"))) == (1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model": Model(Network([12, 2], seed=0), "squared_error")},
            "a report needs a model that tells classes apart",
        ),
        ({"model": Model(Network([12, 3], seed=0), "binary_cross_entropy")}, "binary_cross_entropy and 3 outputs"),
        ({"y": [7] * 60}, "y must hold classes from 0 to 1, got 7 to 7"),
        ({"y": [0]}, "y"),
        ({"y": [], "X": np.zeros((0, 12))}, "y must hold at least one class"),
        ({"labels": ["a"]}, "labels must hold a name for each of 2 classes, got 1"),
    ],
)
def test_bad_arguments_are_named(change, message):
    model, X, y = case(2)
    arguments = {"model": model, "X": X, "y": y, "backend": "numpy", **change}
    with pytest.raises(ValueError, match=message):
        html_report(**arguments)


def test_a_report_that_cannot_be_made_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    model, X, y = case(2)
    with pytest.raises(ValueError, match="labels"):
        write_report(path, model, X, y, labels=["one"], backend="numpy")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_writes_a_page_of_a_model_and_its_training(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    digits = load_digits()
    np.savez("d.npz", X=digits.X.reshape(-1, 8, 8), y=digits.y)
    save_model("m.safetensors", Model(Network([64, 10], seed=0, input_scale=1 / 16)))
    with open("run.json", "w", encoding="utf-8") as file:
        json.dump(run_document(), file)
    argv = ["report", "m.safetensors", "d.npz", "--backend", "numpy"]
    assert main([*argv, "--training", "run.json", "--out", "r.html"]) == 0
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "Report: d.npz" in page.cells
    assert [svg["aria-label"] for svg in page.of("svg")] == [
        "loss: training ends at 0.3333", "accuracy: training ends at 66.67 %; test ends at 50.00 %"
    ]  # fmt: skip
    picture = page.of("img")[0]
    assert (picture["width"], picture["height"]) == ("8", "8")
    assert base64.b64decode(picture["src"].partition(",")[2]).startswith(b"\x89PNG")
    assert main([*argv, "--out", "d.npz"]) == 2
    assert "would overwrite the data" in capsys.readouterr().err


@pytest.mark.parametrize("way", [["--epochs", "3", "--preprocess", "standardize"], ["--recipe", "kaggle-relu"]])
def test_training_writes_a_page_and_keeps_its_history_in_the_model(tmp_path, monkeypatch, capsys, way):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *way, "--backend", "numpy", "--report", "r.html", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert f"{100 * document['test_accuracy']:.2f} %" in page.cells
    assert page.row("sizes", 2)[1] == ", ".join(map(str, document["settings"]["sizes"]))
    assert len(page.of("svg")) == 2
    history = load_model("model.safetensors").settings["history"]
    assert history["loss"] == [row["loss"] for row in document["history"]]
    by_steps = "--recipe" in way
    assert history["step" if by_steps else "epoch"][-1] == (500 if by_steps else 3)
    assert main(["plot", "curves", "model.safetensors", "--out", "c.svg"]) == 0
    assert (">step<" if by_steps else ">epoch<") in (tmp_path / "c.svg").read_text(encoding="utf-8")


def test_a_page_does_not_replace_the_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--backend", "numpy", "--out", "m", "--report", "m"]) == 2
    assert capsys.readouterr().err == "fastnet: error: --report m: would overwrite the model\n"
    assert list(tmp_path.iterdir()) == []


def test_columns_of_a_data_frame_are_shown_under_their_names():
    names = ("a", "b", "c")
    model = Model(Network([3, 2], seed=0), feature_names=names, label_name="kind")
    X = np.random.default_rng(0).normal(size=(3, 6))
    columns = {**dict(zip(names, X, strict=True)), "kind": ["x"] * 6}
    y = [0, 1, 0, 1, 1, 0]
    swapped = {name: columns[name] for name in ("kind", "c", "a", "b")}
    whole = (html_report(model, given, y, backend="numpy") for given in (X.T, Frame(columns), Frame(swapped)))
    first, *others = [page.partition("Speed")[0] for page in whole]
    assert ">b<" in first
    assert others == [first, first]
