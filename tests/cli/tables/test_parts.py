"""`fastnet train`, `evaluate`, `predict` and `report` on tables of numbers, categories and gaps."""

import csv
import json
import re
import warnings

import numpy as np
import pytest

from fastnet import load_model
from fastnet.cli import main

HEADER = ["id", "area", "rooms", "city", "garden", "price"]


def write(path, rows, header=HEADER, delimiter=",", encoding="utf-8"):
    with open(path, "w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    rows = []
    for i in range(300):
        area, rooms, garden = rng.uniform(40, 200), int(rng.integers(1, 7)), rng.random() < 0.5
        city = ["Ulm", "Köln", "Bonn"][i % 3]
        price = 1000.5 * area * (1 + i % 3) + 20000 * rooms + (90000 if garden else 0)
        rows.append([f"h{i}", "" if i % 11 == 5 else f"{area:.1f}", rooms, "NA" if i % 17 == 3 else city,
                     "yes" if garden else "no", f"{price:.1f}"])  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    write(folder / "houses.csv", rows)
    options = "--label price --drop id --epochs 40 --lr 0.01 --backend numpy --quiet --hidden 16"
    argv = f"train {folder / 'houses.csv'} {options} --out {folder / 'm.safetensors'} --report {folder / 'r.html'}"
    assert main(argv.split()) == 0
    return folder


def run(capsys, *argv):
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code = main([str(one) for one in argv])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def trained(capsys, data, *argv):
    """Train on a table for two epochs and return what is told in JSON."""
    options = ["--epochs", "2", "--hidden", "4", "--backend", "numpy", "--json", "--out", data.with_name("m.npz")]
    code, out, err = run(capsys, "train", data, *options, *argv)
    assert (code, err.count("error")) == (0, 0), err
    return json.loads(out)


def refused(capsys, *argv):
    code, out, err = run(capsys, *argv)
    lines = [line for line in err.splitlines() if line.startswith("fastnet: error")]
    assert (code, out, len(lines)) == (2, "", 1), err
    return lines[0]


def test_a_model_of_numbers_is_learnt(folder, capsys):
    model = load_model(folder / "m.safetensors")
    assert model.table.columns.names == ("area", "rooms", "city", "garden")
    assert (model.table.with_gaps, model.table.ignored, model.label_name) == (("area",), ("id",), "price")
    assert (model.loss, model.labels) == ("squared_error", None)
    assert model.metrics["test_r2"] > 0.8
    _, out, _ = run(capsys, "evaluate", folder / "m.safetensors", folder / "houses.csv", "--json")
    found = json.loads(out)
    assert found["rmse"] >= found["mae"] > 0
    assert found["held_out"]["rmse"] == pytest.approx(model.metrics["test_rmse"], rel=1e-4)
    assert found["loss"] == pytest.approx(found["rmse"] ** 2 / 2, rel=1e-3)


def test_new_rows_are_read_by_name(folder, rows, capsys):
    expected = load_model(folder / "m.safetensors").predict(
        [[float(row[1] or "nan"), row[2], None if row[3] == "NA" else row[3], row[4]] for row in rows], "numpy"
    )
    order = [4, 3, 0, 2, 1]
    write(folder / "new.csv", [[row[i] for i in order] for row in rows], [HEADER[i] for i in order], ";", "utf-16")
    _, out, _ = run(capsys, "predict", folder / "m.safetensors", folder / "new.csv")
    name, *values = out.split()
    assert name == "price"
    np.testing.assert_allclose(np.array(values, float), expected, rtol=1e-5)
    odd = write(folder / "odd.csv", [["Rom", "", "maybe", 3]], ["city", "area", "garden", "rooms"])
    code, out, _ = run(capsys, "predict", folder / "m.safetensors", odd)
    assert code == 0 and np.isfinite(float(out.split()[1]))  # noqa: PT018
    write(folder / "less.csv", [["Rom", 3]], ["city", "rooms"])
    assert "missing columns 'area', 'garden'" in refused(
        capsys, "predict", folder / "m.safetensors", folder / "less.csv"
    )
    write(folder / "more.csv", [["Rom", 3, 4, "no", 1]], ["city", "rooms", "area", "garden", "age"])
    assert "unknown column 'age'" in refused(capsys, "predict", folder / "m.safetensors", folder / "more.csv")
    write(folder / "text.csv", [["Rom", "many", 4, "no"]], ["city", "rooms", "area", "garden"])
    error = refused(capsys, "predict", folder / "m.safetensors", folder / "text.csv")
    assert "line 2, column 'rooms': 'many' is text" in error


def test_reports_of_numbers(folder, capsys):
    page = (folder / "r.html").read_text("utf-8")
    for words in ("Predicted against actual", "Residuals", "Importance of columns", "RMSE", "Learning curves"):
        assert words in page
    assert page.index('<th scope="row">area') < page.index('<th scope="row">garden')
    code, _, err = run(
        capsys,
        "report",
        folder / "m.safetensors",
        folder / "houses.csv",
        "--out",
        folder / "s.html",
        "--backend",
        "numpy",
    )
    assert code == 0 and "60 were held out" in err  # noqa: PT018
    assert "R2, held out" in (folder / "s.html").read_text("utf-8")
    assert "tells classes apart" in refused(capsys, "show", folder / "m.safetensors", folder / "houses.csv")


def test_classes_of_a_table(folder, rows, capsys, tmp_path):
    data = write(tmp_path / "t.csv", rows)
    told = trained(capsys, data, "--label", "garden", "--drop", "id", "--class-weight", "balanced", "--patience", "1")
    assert told["data"]["task"] == "classification"
    assert told["data"]["columns"] == {"area": "number", "rooms": "number", "city": "category", "price": "number"}
    assert told["settings"]["class_weight"] == "balanced"
    assert load_model(tmp_path / "m.npz").labels == ("no", "yes")
    _, out, _ = run(capsys, "predict", tmp_path / "m.npz", data)
    assert set(out.split()) == {"label", "no", "yes"}
    code, _, _ = run(capsys, "report", tmp_path / "m.npz", data, "--out", tmp_path / "r.html", "--backend", "numpy")
    assert code == 0
    assert "accuracy falls" in (tmp_path / "r.html").read_text("utf-8")
    _, out, _ = run(capsys, "evaluate", tmp_path / "m.npz", data, "--json")
    assert [one["class"] for one in json.loads(out)["classes"]] == ["no", "yes"]


def test_a_test_part_of_its_own(rows, capsys, tmp_path):
    write(tmp_path / "train.csv", rows[:200])
    write(tmp_path / "test.csv", [row[:-1] for row in rows[200:]], HEADER[:-1])
    assert trained(capsys, tmp_path, "--label", "price", "--drop", "id")["data"]["test_samples"] == 40
    write(tmp_path / "test.csv", rows[200:])
    told = trained(capsys, tmp_path, "--label", "price", "--drop", "id")
    assert (told["data"]["test_samples"], told["data"]["test_part"]) == (100, "given")


def test_runs_are_resumed(rows, capsys, tmp_path):
    data = write(tmp_path / "t.csv", rows)
    options = ["--label", "price", "--drop", "id"]
    whole = trained(capsys, data, *options, "--epochs", "4")
    trained(capsys, data, *options, "--checkpoint", tmp_path / "c.safetensors")
    code, out, err = run(capsys, "train", "--resume", tmp_path / "c.safetensors", "--epochs", "4", "--json")
    assert code == 0, err
    assert json.loads(out)["test_rmse"] == whole["test_rmse"]


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("--label price", "column 'id' holds a different text in most rows"),
        ("--label price --drop ids", "--drop: .* has no column 'ids'"),
        ("--label price --drop id,price", "'price' is the column to predict"),
        ("--label price --columns area --drop id", "expected one of them"),
        ("--label cost --drop id", "no label column 'cost'"),
        ("--label price --drop id --mmap", "--mmap is of tables of plain numbers"),
        ("--label price --drop id --preprocess scale", "--preprocess scale"),
        ("--label price --drop id --label-smoothing 0.1", "--label-smoothing is of classes"),
        ("--label price --drop id --class-weight balanced", "--class-weight is of classes"),
        ("--label city --drop id", "column 'city' has no value in 18 of 300 rows"),
        ("--label garden --drop id --task regression", "holds text, expected numbers"),
        ("--label price --drop id --delimiter x", "--delimiter must be"),
        ("--label price --drop id --encoding hex", "--encoding must be"),
        ("--label price --drop id --test-samples 300", "--test-samples: cannot hold 300 of 300"),
    ],
)
def test_what_cannot_be_learnt_is_one_line(rows, capsys, tmp_path, argv, error):
    data = write(tmp_path / "t.csv", rows)
    found = refused(capsys, "train", data, *argv.split(), "--out", tmp_path / "m.npz")
    assert re.search(error, found), found
    assert not (tmp_path / "m.npz").exists()


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_numbers_may_be_categories(capsys, tmp_path, name):
    codes = [["70173", "80331", "1"][i % 3] for i in range(60)]
    data = write(tmp_path / "t.csv", [[code, i % 5, int(code) / 2] for i, code in enumerate(codes)], ["code", "n", "y"])
    if name == "t.parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(
            pyarrow.table(
                {"code": list(map(int, codes)), "n": [i % 5 for i in range(60)], "y": [float(c) for c in codes]}
            ),
            tmp_path / name,
        )
        data = tmp_path / name
    told = trained(capsys, data, "--label", "y", "--categories", "code")
    assert told["data"]["columns"] == {"code": "category", "n": "number"}
    columns = load_model(tmp_path / "m.npz").table.columns
    assert columns.categories == ((("1", "70173", "80331") if name == "t.csv" else (1, 70173, 80331)),)
    assert run(capsys, "evaluate", tmp_path / "m.npz", data)[0] == 0


@pytest.mark.parametrize(
    ("cells", "task"),
    [("0.5", "regression"), ("-1", "classification"), ("20000000000", "classification")],
)
def test_labels_that_are_no_counted_classes(capsys, tmp_path, cells, task):
    data = write(tmp_path / "t.csv", [[i % 7, i, cells if i % 2 else 1] for i in range(20)], ["a", "b", "label"])
    assert trained(capsys, data)["data"]["task"] == task


def test_numbers_that_float32_cannot_tell_apart(capsys, tmp_path):
    data = write(tmp_path / "t.csv", [[i % 7, 1.7e9 + i + 0.5] for i in range(30)], ["a", "label"])
    error = refused(capsys, "train", data, "--out", tmp_path / "m.npz", "--backend", "numpy")
    assert "too close for float32; --dtype float64" in error
    assert trained(capsys, data, "--dtype", "float64")["test_rmse"] < 20


def test_quiet_prints_nothing(capsys, tmp_path):
    argv = ["train", "--epochs", "1", "--hidden", "none", "--backend", "numpy", "--quiet", "--out", tmp_path / "m.npz"]
    assert run(capsys, *argv) == (0, "", "")


def test_balanced_weights_reach_the_trainer(capsys, tmp_path):
    path = tmp_path / "t.csv"
    write(path, [[i % 7, i % 3, int(i % 10 == 0)] for i in range(100)], ["a", "b", "label"])
    plain, weighted = trained(capsys, path), trained(capsys, path, "--class-weight", "balanced")
    assert plain["data"] == weighted["data"]
    assert plain["history"][0]["loss"] != weighted["history"][0]["loss"]
    assert "class_weight" not in plain["settings"]
