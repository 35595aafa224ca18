"""Columns that are features, and those that are not: truths, pandas' index, text, structs, lists, bytes and dates."""

import datetime
import decimal
import json

import numpy as np
import pytest
from data_files import labels_of, use_pyarrow, write, write_npz

from fastnet.cli import main
from fastnet.datasets import load

TRUTHS = [True, False, False, True]


def arrow(path, columns, metadata=None):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table(columns)
    if metadata is not None:
        table = table.replace_schema_metadata({"pandas": json.dumps(metadata)})
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    elif path.suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.fixture(params=[".parquet", ".feather", ".arrow"])
def suffix(request):
    return request.param


# Truths


@pytest.mark.parametrize("words", [("True", "False"), ("true", "false"), ("TRUE", "FALSE"), (" True", "False ")])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("other", ["7", "0.5"])
@pytest.mark.parametrize("pyarrow", [False, True])
def test_true_and_false_are_one_and_zero_in_csv(tmp_path, monkeypatch, words, quote, other, pyarrow):
    if pyarrow:
        use_pyarrow(monkeypatch)
    cells = [quote + (words[0] if truth else words[1]) + quote for truth in TRUTHS]
    lines = [f"{cell},{other},{cell},{i % 2}" for i, cell in enumerate(cells)]
    data = load(write(tmp_path / "t.csv", "\n".join(["a,b,c,label", *lines])))
    assert data.X[:, 0].tolist() == data.X[:, 2].tolist() == [1, 0, 0, 1]
    assert data.X[:, 1].tolist() == [float(other)] * 4
    labelled = load(tmp_path / "t.csv", label="a")
    assert (labelled.y.tolist(), labelled.label_names) == ([1, 0, 0, 1], None)


@pytest.mark.parametrize("cells", [["Trueish"], ["truth"], ["T rue"], ["untrue"], ["tRUE"]])
def test_other_words_stay_text(tmp_path, cells):
    path = write(tmp_path / "t.csv", "a,b,label\n" + "".join(f"{cell},1,0\n" for cell in cells))
    with pytest.raises(ValueError, match=r"line 2, column 'a': .* is text"):
        load(path)


def test_truths_among_names_of_classes_are_names(tmp_path):
    data = load(write(tmp_path / "t.csv", "label,a\nTrue,1\nFalse,2\nunknown,3\n"))
    assert (data.label_names, data.y.tolist()) == (("False", "True", "unknown"), [1, 0, 2])


def test_truths_in_arrays(tmp_path):
    data = load(write_npz(tmp_path / "t.npz", X=np.array([TRUTHS, TRUTHS]).T, y=TRUTHS))
    assert (data.X[:, 1].tolist(), data.y.tolist(), data.label_names) == ([1, 0, 0, 1], [1, 0, 0, 1], None)


def test_truths_in_tables_of_arrow(tmp_path, suffix):
    data = load(arrow(tmp_path / f"t{suffix}", {"label": TRUTHS, "a": TRUTHS, "b": [0.5, 1, 2, 3]}))
    assert (data.X[:, 0].tolist(), data.y.tolist(), data.label_names) == ([1, 0, 0, 1], [1, 0, 0, 1], None)


# The index of pandas


@pytest.mark.parametrize(
    ("header", "rows", "names"),
    [
        (",a,label", "0,5,1\n1,6,0\n", ("a",)),
        ("Unnamed: 0,a,label", "0,5,1\n1,6,0\n", ("a",)),
        ("Unnamed: 0.1,Unnamed: 0,a,label", "0,0,5,1\n1,1,6,0\n", ("a",)),
        (",,a,label", "x,0,5,1\ny,1,6,0\n", ("a",)),
        (",a,label", "first row,5,1\nsecond row,6,0\n", ("a",)),
        (",a,label", ",5,1\n,6,0\n", ("a",)),
        (",a,label", "1e300,5,1\n2e300,6,0\n", ("a",)),
        ("label,Unnamed: 0,a", "1,0,5\n0,1,6\n", ("a",)),
        (",label,a", "0,oak,5\n1,elm,6\n", ("a",)),
        (",a,label", "0,5,oak\nx,6,elm\n", ("a",)),
        (",label,a", '0,"oak",5\n1,"elm",6\n', ("a",)),
    ],
)
def test_the_index_of_pandas_is_no_feature_in_csv(tmp_path, header, rows, names):
    data = load(write(tmp_path / "t.csv", f"{header}\n{rows}"))
    assert (data.X.tolist(), data.feature_names) == ([[5], [6]], names)
    assert data.y.tolist() == [1, 0]


def test_columns_that_only_look_like_an_index(tmp_path):
    data = load(write(tmp_path / "t.csv", "label,index,,id\n0,1,2,3\n1,4,5,6\n"))
    assert data.feature_names == ("index", "", "id")
    assert load(write(tmp_path / "u.csv", "Unnamed: 0,a\n1,2\n0,3\n"), label=0).y.tolist() == [1, 0]


def test_a_table_of_nothing_but_index_and_labels(tmp_path):
    with pytest.raises(ValueError, match="no features"):
        load(write(tmp_path / "t.csv", ",label\n0,1\n1,0\n"))


def test_a_test_table_with_an_index_and_labels_known_by_position(tmp_path):
    write(tmp_path / "train.csv", ",a,b,kind\n0,1,2,1\n1,3,4,0\n")
    write(tmp_path / "test.csv", ",a,b\n0,5,6\n")
    data = load(tmp_path, label=-1)
    assert (data.X.tolist(), data.X_test.tolist()) == ([[1, 2], [3, 4]], [[5, 6]])


@pytest.mark.parametrize(
    ("columns", "metadata"),
    [
        ({"__index_level_0__": [4, 5]}, None),
        ({"__index_level_0__": ["x", "y"]}, {"index_columns": ["__index_level_0__"]}),
        ({"id": [7, 8]}, {"index_columns": ["id"]}),
        ({"__index_level_0__": [4, 5], "__index_level_1__": ["x", None]}, {"index_columns": None}),
        ({"day": [datetime.date(2020, 1, 1)] * 2}, {"index_columns": ["day"]}),
        ({}, {"index_columns": [{"kind": "range", "start": 0, "stop": 2, "step": 1}]}),
    ],
)
def test_the_index_of_pandas_is_no_feature_in_arrow(tmp_path, suffix, columns, metadata):
    data = load(arrow(tmp_path / f"t{suffix}", {"a": [5, 6], "label": [1, 0], **columns}, metadata))
    assert (data.X.tolist(), data.feature_names, data.y.tolist()) == ([[5], [6]], ("a",), [1, 0])


# Kinds of columns


def arrays():
    pa = pytest.importorskip("pyarrow")
    return {
        "struct": pa.array([{"bytes": b"x", "path": None}] * 2),
        "list": pa.array([[1, 2], [3, 4]]),
        "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)),
        "binary": pa.array([b"x", b"y"]),
        "date32": pa.array([datetime.date(2020, 1, 1)] * 2),
        "timestamp": pa.array([datetime.datetime(2020, 1, 1)] * 2),
        "duration": pa.array([datetime.timedelta(1)] * 2),
        "time": pa.array([datetime.time(1)] * 2),
        "map": pa.array([[("k", 1)]] * 2, pa.map_(pa.string(), pa.int8())),
        "string": pa.array(["x", "y"]),
        "dictionary": pa.array(["x", "y"]).dictionary_encode(),
    }


KINDS = ["struct", "list", "fixed", "binary", "date32", "timestamp", "duration", "time", "map"]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_that_cannot_be_features_are_named(tmp_path, capsys, suffix, kind):
    path = arrow(tmp_path / f"t{suffix}", {"label": [0, 1], "a": [1, 2], "odd": arrays()[kind]})
    for command in (["data", "info"], ["train", "--backend", "numpy", "--epochs", "1"]):
        assert main([*command, str(path)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"fastnet: error: {path}: column 'odd' of type ")
        assert error.count("\n") == 1


def test_all_columns_that_cannot_be_features_are_named(tmp_path, suffix):
    columns = {"label": [0, 1], **{name: arrays()[name] for name in ("struct", "binary", "date32")}}
    with pytest.raises(TypeError, match=r"columns 'struct', 'binary', 'date32' of type struct<.*, expected numbers"):
        load(arrow(tmp_path / f"t{suffix}", columns))


@pytest.mark.parametrize("kind", ["struct", "list", "binary", "date32", "map"])
def test_columns_that_cannot_be_labels_are_named(tmp_path, suffix, kind):
    path = arrow(tmp_path / f"t{suffix}", {"label": arrays()[kind], "a": [1, 2]})
    with pytest.raises(TypeError, match=r"column 'label' of type .*, expected integers or names of classes"):
        load(path)


def texts(kind):
    pa = pytest.importorskip("pyarrow")
    words = ["elm", "oak ", "elm"]
    if kind.startswith("dictionary"):
        values = {"large": pa.large_string(), "view": pa.string_view()}.get(kind.partition(" ")[2], pa.string())
        return pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), pa.array(words[:2], values))
    if kind == "runs":
        return pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int32()), pa.array(words))
    return pa.array(words, {"large": pa.large_string(), "view": pa.string_view()}.get(kind, pa.string()))


@pytest.mark.parametrize(
    "kind", ["string", "large", "view", "dictionary", "dictionary large", "dictionary view", "runs"]
)
def test_text_of_every_type_names_classes(tmp_path, kind):
    path = arrow(tmp_path / "t.feather", {"label": texts(kind), "a": [1, 2, 3]})
    data = load(path)
    assert (data.label_names, data.y.tolist()) == (("elm", "oak"), [0, 1, 0])


def test_numbers_of_every_type_are_features(tmp_path, suffix):
    pa = pytest.importorskip("pyarrow")
    kinds = [pa.int8(), pa.uint16(), pa.int64(), pa.float16(), pa.float32(), pa.float64()]
    columns = {str(kind): pa.array(np.array([1, 2], kind.to_pandas_dtype())) for kind in kinds}
    columns["decimal"] = pa.array([decimal.Decimal("1.5"), decimal.Decimal("2.25")])
    columns["dictionary"] = pa.array([4, 5]).dictionary_encode()
    data = load(arrow(tmp_path / f"t{suffix}", {"label": [0, 1], **columns}))
    assert data.X.dtype == np.float64
    assert data.X.tolist() == [[1, 1, 1, 1, 1, 1, 1.5, 4], [2, 2, 2, 2, 2, 2, 2.25, 5]]


@pytest.mark.parametrize("suffix", [".feather", ".arrow"])
def test_categories_of_nothing_are_empty_cells(tmp_path, suffix):
    pa = pytest.importorskip("pyarrow")
    labels = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(["x", None]))
    path = arrow(tmp_path / f"t{suffix}", {"label": labels, "a": [1, 2, 3]})
    with pytest.raises(ValueError, match=r"row 1 \(from 0\), column 'label': empty cell"):
        load(path)


@pytest.mark.parametrize("keep", [8, 40, -30])
def test_damaged_tables_of_arrow(tmp_path, suffix, keep):
    path = arrow(tmp_path / f"t{suffix}", {"label": [0, 1, 5] * 20, "a": [1, 2, 3] * 20})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"damaged (Parquet|Feather|Arrow) file"):
        load(path)


def test_arrow_tables_train_and_predict(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arrow(tmp_path / "t.feather", {"label": [30, 4] * 9, "a": [1, 0] * 9, "__index_level_0__": list(range(18))})
    assert main(["train", "t.feather", "--backend", "numpy", "--epochs", "200", "--out", "m.safetensors"]) == 0
    capsys.readouterr()
    write(tmp_path / "p.csv", "a\n1\n0\n")
    assert main(["predict", "m.safetensors", "p.csv", "--backend", "numpy"]) == 0
    assert capsys.readouterr().out.split() == ["label", "30", "4"]
    assert labels_of(load("t.feather")) == [30, 4] * 9
