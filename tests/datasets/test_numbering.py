"""Labels with gaps, and one-hot rows: classes that are there are numbered and keep their names, in every reader."""

import json

import numpy as np
import pytest
from data_files import idx_bytes, labels_of, npy_bytes, write, write_npz

from fastnet import load_model
from fastnet.cli import main
from fastnet.datasets import load, save
from fastnet.datasets.numbering import original_labels

X = np.arange(12, dtype=np.float32).reshape(6, 2)
GAPS = {
    "a large one": [0, 1, 999, 0, 1, 999],
    "from one": [1, 2, 3, 1, 2, 3],
    "one left out": [0, 2, 3, 0, 2, 3],
    "two far": [7, 2_000_000_000, 7, 7, 7, 2_000_000_000],
    "single": [5, 5, 5, 5, 5, 5],
}


def run(line):
    return main(line.split())


def table(labels):
    rows = [f"{label},{a},{b}" for label, (a, b) in zip(labels, X.tolist(), strict=True)]
    return "\n".join(["label,a,b", *rows])


def arrow(path, labels):
    pa = pytest.importorskip("pyarrow")
    columns = pa.table({"label": labels, "a": X[:, 0], "b": X[:, 1]})
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow.parquet").write_table(columns, path)
    else:
        pytest.importorskip("pyarrow.feather").write_feather(columns, path)
    return path


def beside(folder, labels, name, images, names):
    write(folder / names[1], images(np.array(labels)))
    return write(folder / names[0], images(X))


WRITERS = {
    "csv": lambda folder, y: write(folder / "t.csv", table(y)),
    "csv.gz": lambda folder, y: write(folder / "t.csv.gz", table(y)),
    "npz": lambda folder, y: write_npz(folder / "t.npz", X=X, y=y),
    "keras": lambda folder, y: write_npz(folder / "t.npz", x_train=X, y_train=y, x_test=X, y_test=y),
    "npy": lambda folder, y: beside(folder, y, "t", npy_bytes, ("t.npy", "t_labels.npy")),
    "idx": lambda folder, y: beside(
        folder, np.int32(y), "t", idx_bytes, ("train-images-idx2-ubyte", "train-labels-idx1-ubyte")
    ),
    "parquet": lambda folder, y: arrow(folder / "t.parquet", y),
    "feather": lambda folder, y: arrow(folder / "t.feather", y),
    "folder": lambda folder, y: (
        (write(folder / "train.csv", table(y)), write(folder / "test.csv", table(y))) and folder
    ),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("labels", GAPS.values(), ids=GAPS)
def test_classes_are_numbered_and_keep_their_names(tmp_path, kind, labels):
    data = load(WRITERS[kind](tmp_path, labels))
    classes = sorted(set(labels))
    assert data.n_classes == len(classes)
    assert data.label_names == tuple(map(str, classes))
    assert data.y.tolist() == [classes.index(label) for label in labels]
    assert labels_of(data) == labels
    if data.y_test is not None:
        assert labels_of(data, "y_test") == labels


@pytest.mark.parametrize("kind", WRITERS)
def test_labels_without_gaps_stay_as_they_are(tmp_path, kind):
    data = load(WRITERS[kind](tmp_path, [2, 0, 1, 1, 0, 2]))
    assert (data.label_names, data.y.tolist(), data.n_classes) == (None, [2, 0, 1, 1, 0, 2], 3)


@pytest.mark.parametrize("kind", ["keras", "folder", "npy", "text"])
def test_a_class_that_training_lacks_is_named(tmp_path, kind):
    y, y_test = [0, 1, 9, 0, 1, 9], [0, 1, 4, 0, 1, 1]
    if kind == "folder":
        write(tmp_path / "train.csv", table(y))
        write(tmp_path / "test.csv", table(y_test))
        path = tmp_path
    elif kind == "npy":
        path = beside(tmp_path, y, "t", npy_bytes, ("t.npy", "t_labels.npy"))
        beside(tmp_path, y_test, "t", npy_bytes, ("t_test.npy", "t_test_labels.npy"))
    else:
        y, y_test = ([*map(str, part)] if kind == "text" else part for part in (y, y_test))
        path = write_npz(tmp_path / "t.npz", X=X, y=y, X_test=X, y_test=y_test)
    with pytest.raises(ValueError, match=r"class '?4'? in the test part, expected only classes of the training"):
        load(path)


def test_given_names_stay_for_classes_without_samples(tmp_path):
    names = ["a", "b", "c"]
    data = load(write_npz(tmp_path / "t.npz", X=X, y=[0, 2, 0, 2, 2, 2], label_names=names))
    assert (data.y.tolist(), data.label_names) == ([0, 2, 0, 2, 2, 2], tuple(names))


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".npy", ".parquet", ""])
def test_saved_labels_are_the_original_ones(tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    data = load(write_npz(tmp_path / "a.npz", X=X, y=[10, 9, 300, 9, 9, 10]))
    assert save(tmp_path / f"b{suffix}", data) == []
    again = load(tmp_path / f"b{suffix}")
    assert (again.label_names, again.y.tolist()) == (("9", "10", "300"), data.y.tolist())


@pytest.mark.parametrize("cache", [False, True])
def test_cached_copies_keep_the_names(tmp_path, cache):
    path = write(tmp_path / "t.csv", table(GAPS["a large one"]))
    for _ in range(2):
        data = load(path, cache=cache)
        assert (labels_of(data), data.n_classes) == (GAPS["a large one"], 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, bool, np.int64])
@pytest.mark.parametrize("classes", [(0, 1, 2), (1, 2, 4), (0, 9)])
def test_one_hot_rows_become_labels(tmp_path, dtype, classes):
    labels = [classes[i % len(classes)] for i in range(6)]
    rows = np.eye(10)[labels].astype(dtype)
    data = load(write_npz(tmp_path / "t.npz", x_train=X, y_train=rows, x_test=X[:1], y_test=rows[:1]))
    assert labels_of(data) == labels
    assert data.n_classes == len(classes)
    beside(tmp_path, rows, "t", npy_bytes, ("t.npy", "t_labels.npy"))
    assert labels_of(load(tmp_path / "t.npy")) == labels


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([1, 1, 0], r"row 2 \(from 0\) has 2 ones among 3 numbers"),
        ([0, 0, 0], r"row 2 \(from 0\) has 0 ones among 3 numbers"),
        ([0.5, 0.5, 0], "has 0 ones"),
        ([1, 0, np.nan], "has 1 ones"),
    ],
)
def test_rows_that_are_not_one_hot_say_so(tmp_path, row, words):
    rows = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    rows[2] = row
    with pytest.raises(ValueError, match=words):
        load(write_npz(tmp_path / "t.npz", X=X, y=rows))


def test_one_hot_parts_of_different_widths(tmp_path):
    with pytest.raises(ValueError, match="one-hot labels of 4 classes in the test part, expected 3"):
        load(write_npz(tmp_path / "t.npz", X=X, y=np.eye(3)[[0, 1, 2] * 2], X_test=X[:1], y_test=np.eye(4)[:1]))


def test_commands_print_the_original_labels(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.array([3, 50, 999])[rng.integers(0, 3, 120)]
    features = (np.stack([y == 3, y == 50], 1) * 200).astype(int)
    lines = [f"{label},{a},{b}" for label, (a, b) in zip(y, features.tolist(), strict=True)]
    write(tmp_path / "d.csv", "\n".join(["label,a,b", *lines]))
    write(tmp_path / "part.csv", "label,a,b\n999,0,0\n3,200,0\n")
    assert run("train d.csv --backend numpy --epochs 200 --hidden 16 --out m.safetensors") == 0
    assert "3 classes" in capsys.readouterr().out
    model = load_model("m.safetensors")
    assert (model.labels, model.network.sizes[-1]) == (("3", "50", "999"), 3)
    assert run("predict m.safetensors part.csv --backend numpy") == 0
    assert capsys.readouterr().out.split() == ["label", "999", "3"]
    assert run("predict m.safetensors part.csv --backend numpy --probabilities") == 0
    assert capsys.readouterr().out.startswith("probability_3,probability_50,probability_999\n")
    for name in ("d.csv", "part.csv"):
        assert main(["evaluate", "m.safetensors", name, "--backend", "numpy", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["accuracy"] == 1
        assert {row["class"] for row in document["classes"]} <= {"3", "50", "999"}
    write(tmp_path / "part.csv", "label,a,b\n1000,0,0\n3,200,0\n")
    assert run("evaluate m.safetensors part.csv --backend numpy") == 2
    assert "class '1000' is none of the 3" in capsys.readouterr().err


def test_places_among_names_are_taken_as_such(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.csv", "label,a,b\n" + "elm,1,0\noak,0,1\nfir,1,1\n" * 5)
    assert run("train d.csv --backend numpy --epochs 1 --hidden 4 --out m.safetensors") == 0
    for labels, code in (([1, 2], 0), ([0, 1], 0), ([1, 3], 2)):
        write_npz(tmp_path / "e.npz", X=np.eye(2), y=labels)
        capsys.readouterr()
        assert run("evaluate m.safetensors e.npz --backend numpy --json") == code
    assert "class '3' is none of the 3" in capsys.readouterr().err


def test_original_labels_of_names():
    labels = np.int32([1, 0, 1])
    assert original_labels(labels, None).tolist() == [1, 0, 1]
    assert original_labels(labels, ("7", "12")).tolist() == [12, 7, 12]
    assert original_labels(labels, ("7", "012")).tolist() == ["012", "7", "012"]
