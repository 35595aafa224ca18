"""Data that fits a saved model: columns by name, labels under the name that the model knows."""

import json
from pathlib import Path

import numpy as np
import pytest
from data_files import write, write_npz

from fastnet import MLPClassifier, MLPRegressor, Model, Network, load_model, save_model
from fastnet.cli import main

pytestmark = pytest.mark.usefixtures("empty_folder")

SUFFIXES = [".csv", ".csv.gz", ".parquet", ".feather", ".arrow", ".npz"]
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 80)).round(3)
KIND = np.where(A > 0, "yes", "no")
COLUMNS = {"a": A, "kind": KIND, "b": B}


def table(name, **columns):
    if name.endswith((".csv", ".csv.gz")):
        rows = zip(*columns.values(), strict=True)
        return write_text(name, "\n".join(",".join(map(str, row)) for row in [columns, *rows]))
    if name.endswith(".npz"):
        features = {column: values for column, values in columns.items() if column != "kind"}
        labels = {"y": columns["kind"]} if "kind" in columns else {}
        return write_npz(name, X=np.column_stack(list(features.values())), feature_names=list(features), **labels)
    pa = pytest.importorskip("pyarrow")
    content = pa.table({column: pa.array(values.tolist()) for column, values in columns.items()})
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow.parquet").write_table(content, name)
    else:
        make = pa.ipc.new_file if name.endswith(".feather") else pa.ipc.new_stream
        with pa.OSFile(name, "wb") as file, make(file, content.schema) as writer:
            writer.write_table(content)
    return name


def write_text(name, content):
    write(Path(name), content)
    return name


def run(capsys, *argv, code=0):
    assert main([*map(str, argv)]) == code
    printed = capsys.readouterr()
    return printed.err if code else printed.out


@pytest.fixture
def model(capsys):
    """A model of two columns and the labels beside them."""
    table("train.csv", **COLUMNS)
    how = ["--label", "kind", "--backend", "numpy", "--epochs", "20", "--hidden", "8", "--lr", "0.05"]
    run(capsys, "train", "train.csv", *how, "--out", "m.safetensors")
    return "m.safetensors"


def evaluated(capsys, model, data, *more):
    document = json.loads(run(capsys, "evaluate", model, data, "--backend", "numpy", "--json", *more))
    return document["loss"], document["accuracy"], document["classes"]


def test_a_model_keeps_the_names_of_its_columns(capsys, model):
    assert "columns     'a', 'b'; labels in 'kind'" in run(capsys, "info", model)
    kept = load_model(model)
    assert (kept.feature_names, kept.label_name, kept.labels) == (("a", "b"), "kind", ("no", "yes"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_columns_in_another_order_are_put_right(capsys, model, suffix):
    swapped = table(f"swapped{suffix}", b=B, kind=KIND, a=A)
    expected = evaluated(capsys, model, "train.csv")
    assert expected[1] > 0.9
    assert evaluated(capsys, model, swapped) == expected
    features = table(f"features{suffix}", b=B, a=A)
    outputs = {run(capsys, "predict", model, data, "--backend", "numpy") for data in ("train.csv", swapped, features)}
    assert len(outputs) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_columns_that_do_not_match_are_listed_in_one_line(capsys, model, suffix):
    other = table(f"other{suffix}", kind=KIND, height=B, a=A)
    more = table(f"more{suffix}", kind=KIND, b=B, c=B, a=A, d=A)
    less = table(f"less{suffix}", kind=KIND, b=B)
    expected = {
        other: "missing column 'b' and unknown column 'height'; expected 'a', 'b', in any order",
        more: "unknown columns 'c', 'd'; expected",
        less: "missing column 'a'; expected",
    }
    for data, words in expected.items():
        for command in (["evaluate"], ["predict"], ["show"], ["report"], ["plot", "samples"], ["plot", "confusion"]):
            error = run(capsys, *command, model, data, "--backend", "numpy", code=2)
            assert error.startswith(f"fastnet: error: {data}: ")
            assert words in error
            assert error.count("\n") == 1


def test_a_column_of_text_that_is_no_feature_is_called_unknown(capsys, model):
    data = table("named.csv", kind=KIND, town=KIND, a=A, b=B)
    assert "unknown column 'town'; expected" in run(capsys, "predict", model, data, code=2)


@pytest.mark.filterwarnings("ignore:.+the model was trained on")
def test_every_command_finds_columns_and_labels_by_name(capsys, model):
    swapped = table("swapped.csv", b=B, kind=KIND, a=A)
    for command in (["show", "--index", "0,3", "--json"], ["show", "--wrong", "--json"]):
        name, *options = command
        documents = [json.loads(run(capsys, name, model, data, *options)) for data in ("train.csv", swapped)]
        assert [document.pop("data") for document in documents] == ["train.csv", swapped]
        assert documents[0] == documents[1]
        assert all(sample["actual"] in ("no", "yes") for sample in documents[0]["samples"])
    pages = []
    for data in ("train.csv", swapped):
        run(capsys, "report", model, data, "--out", "page.html", "--backend", "numpy")
        pages.append([row for row in Path("page.html").read_text("utf-8").split("<tr>") if "yes" in row])
    assert len(pages[0]) > 0
    assert pages[0] == pages[1]


def test_tables_without_names_are_matched_by_position(capsys, model):
    rows = "\n".join(f"{a},{b}" for a, b in zip(A, B, strict=True))
    expected = run(capsys, "predict", model, "train.csv", "--backend", "numpy")
    assert run(capsys, "predict", model, write_text("rows.csv", rows), "--backend", "numpy") == expected
    np.save("rows.npy", np.column_stack([A, B]))
    assert run(capsys, "predict", model, "rows.npy", "--backend", "numpy") == expected
    labelled = "\n".join(f"{a},{b},{kind}" for a, b, kind in zip(A, B, KIND, strict=True))
    assert (
        evaluated(capsys, model, write_text("l.csv", labelled), "--label", -1) == evaluated(capsys, model, "train.csv")
    )  # fmt: skip
    np.save("three.npy", np.column_stack([A, B, B]))
    assert "three.npy: 3 features, expected 2: 'a', 'b'" in run(capsys, "predict", model, "three.npy", code=2)


def test_a_model_of_a_table_without_names_remembers_where_labels_stand(capsys):
    labels = np.where(A > 0, 1, 0)
    rows = "\n".join(f"{a},{label},{b}" for a, label, b in zip(A, labels, B, strict=True))
    write_text("rows.csv", rows)
    run(capsys, "train", "rows.csv", "--label", "1", "--backend", "numpy", "--epochs", "40", "--out", "m.npz")
    kept = load_model("m.npz")
    assert (kept.feature_names, kept.label_name) == (None, "1")
    assert evaluated(capsys, "m.npz", "rows.csv") == evaluated(capsys, "m.npz", "rows.csv", "--label", "1")
    expected = run(capsys, "predict", "m.npz", "rows.csv", "--backend", "numpy")
    unlabelled = write_text("u.csv", "\n".join(f"{a},{b}" for a, b in zip(A, B, strict=True)))
    assert run(capsys, "predict", "m.npz", unlabelled, "--backend", "numpy") == expected


def test_labels_under_their_usual_name_are_labels_too(capsys, model):
    usual = table("usual.csv", label=KIND, b=B, a=A)
    assert evaluated(capsys, model, usual) == evaluated(capsys, model, "train.csv")
    both = table("both.csv", label=KIND, kind=KIND, b=B, a=A)
    assert "unknown column 'label'" in run(capsys, "evaluate", model, both, code=2)
    assert "no label column 'kind'" in run(capsys, "evaluate", model, usual, "--label", "kind", code=2)


def test_a_feature_called_label_is_a_feature(capsys):
    table("train.csv", label=A, kind=KIND, b=B)
    run(capsys, "train", "train.csv", "--label", "kind", "--backend", "numpy", "--epochs", "2", "--out", "m.npz")
    expected = run(capsys, "predict", "m.npz", "train.csv", "--backend", "numpy")
    assert run(capsys, "predict", "m.npz", table("f.csv", b=B, label=A), "--backend", "numpy") == expected


@pytest.mark.filterwarnings("ignore:train.csv. line 1. read as column names")  # known from then on
def test_years_in_a_header_are_names_where_the_model_knows_them(capsys):
    table("train.csv", **{"1990": A, "2000": B, "label": np.where(A > 0, 1, 0)})
    run(capsys, "train", "train.csv", "--backend", "numpy", "--epochs", "2", "--out", "m.npz")
    expected = run(capsys, "predict", "m.npz", "train.csv", "--backend", "numpy")
    data = table("years.csv", **{"2000": B, "1990": A})
    assert run(capsys, "predict", "m.npz", data, "--backend", "numpy") == expected


def test_the_index_of_pandas_is_passed_over(capsys, model):
    expected = run(capsys, "predict", model, "train.csv", "--backend", "numpy")
    data = table("indexed.csv", **{"": np.arange(80), "b": B, "a": A, "kind": KIND})
    assert run(capsys, "predict", model, data, "--backend", "numpy") == expected


def test_a_resumed_run_finds_its_columns_by_name(capsys):
    table("train.csv", **COLUMNS)
    table("swapped.csv", kind=KIND, b=B, a=A)
    common = ["--label", "kind", "--backend", "numpy", "--checkpoint", "run.checkpoint"]
    run(capsys, "train", "train.csv", *common, "--epochs", "4", "--out", "whole.npz")
    run(capsys, "train", "train.csv", *common, "--epochs", "2", "--out", "half.npz")
    run(capsys, "train", "swapped.csv", "--resume", "run.checkpoint", "--epochs", "4", "--out", "resumed.npz")
    whole, resumed = load_model("whole.npz"), load_model("resumed.npz")
    np.testing.assert_array_equal(resumed.network.parameters, whole.network.parameters)
    assert (resumed.feature_names, resumed.label_name) == (("a", "b"), "kind")
    table("other.csv", kind=KIND, c=B, a=A)
    error = run(capsys, "train", "other.csv", "--resume", "run.checkpoint", "--epochs", "4", code=2)
    assert "other.csv: line 1: missing column 'b' and unknown column 'c'" in error


def test_a_recipe_keeps_names_too(capsys):
    table("train.csv", **{**COLUMNS, "kind": np.where(A > 0, 1, 0)})
    run(capsys, "train", "train.csv", "--recipe", "sigmoid-72-36", "--label", "kind", "--epochs", "1", "--backend",
        "numpy", "--out", "m.npz")  # fmt: skip
    assert (load_model("m.npz").feature_names, load_model("m.npz").label_name) == (("a", "b"), "kind")


@pytest.mark.parametrize("y", [KIND, np.where(A > 0, 7, 3), np.where(A > 0, "a", np.where(B > 0, "b", "c"))])
def test_models_of_estimators_are_evaluated_by_the_names_of_their_classes(capsys, y):
    estimator = MLPClassifier((8,), backend="numpy", max_iter=300, random_state=0, learning_rate_init=0.02)
    estimator.fit(np.column_stack([A, B]), y)
    save_model("m.safetensors", estimator.to_model())
    data = table("data.csv", a=A, b=B, label=y)
    _, accuracy, classes = evaluated(capsys, "m.safetensors", data)
    assert accuracy == pytest.approx(estimator.score(np.column_stack([A, B]), y))
    assert [row["class"] for row in classes] == sorted(set(y.astype(str)))
    lines = run(capsys, "predict", "m.safetensors", data, "--backend", "numpy").splitlines()
    assert lines == ["label", *map(str, estimator.predict(np.column_stack([A, B])))]
    lines = run(capsys, "predict", "m.safetensors", data, "--probabilities", "--backend", "numpy").splitlines()
    assert lines[0] == ",".join(f"probability_{name}" for name in estimator.classes_)
    actual = np.loadtxt(lines[1:], delimiter=",")
    np.testing.assert_allclose(actual, estimator.predict_proba(np.column_stack([A, B])), rtol=1e-5, atol=1e-9)
    document = json.loads(run(capsys, "show", "m.safetensors", data, "--index", "0,1,2", "--json"))
    assert [sample["actual"] for sample in document["samples"]] == y[:3].astype(str).tolist()
    assert ", ".join(map(str, estimator.classes_)) in run(capsys, "info", "m.safetensors")
    run(capsys, "report", "m.safetensors", data, "--backend", "numpy")


def test_predictions_of_other_losses(capsys):
    X = np.column_stack([A, B])
    table("data.csv", a=A, b=B)
    for y in (A - B, np.column_stack([A, B])):
        estimator = MLPRegressor(hidden_layer_sizes=(4,), backend="numpy", tol=10.0, random_state=0).fit(X, y)
        save_model("m.npz", estimator.to_model())
        lines = run(capsys, "predict", "m.npz", "data.csv", "--backend", "numpy").splitlines()
        assert lines[0] == ("output" if y.ndim == 1 else "output_0,output_1")
        np.testing.assert_allclose(np.loadtxt(lines[1:], delimiter=","), estimator.predict(X), rtol=1e-5)
        assert "needs a model that tells classes apart" in run(capsys, "show", "m.npz", "data.csv", code=2)
    save_model("m.npz", Model(Network([2, 2], seed=0), "binary_cross_entropy", labels=("red", "round")))
    lines = run(capsys, "predict", "m.npz", "data.csv", "--backend", "numpy").splitlines()
    assert lines[0] == "label_red,label_round"
    assert {cell for line in lines[1:] for cell in line.split(",")} == {"0", "1"}
    assert "one label a sample" in run(capsys, "predict", "m.npz", "data.csv", "--submission", "s.csv", code=2)
