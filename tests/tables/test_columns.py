"""What columns of tables hold: the same from every kind of data frame."""

import datetime
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fastnet.tables.columns import TableColumns

CELLS = {
    "size": [1.5, None, 3.0],
    "rooms": [3, 2, 4],
    "city": ["Ulm", None, "Aalen"],
    "garden": [True, False, None],
    "grade": ["b", "a", "b"],
}
COLUMNS = TableColumns(
    tuple(CELLS),
    ("number", "number", "category", "category", "category"),
    (("Aalen", "Ulm"), (False, True), ("a", "b")),
)
NUMBERS = [[1.5, 3], [np.nan, 2], [3, 4]]
CODES = [[1, 1, 1], [-1, 0, 0], [0, -1, 1]]


def _arrow():
    return pa.table(CELLS).set_column(4, "grade", pa.array(CELLS["grade"]).dictionary_encode())


def _polars():
    polars = pytest.importorskip("polars")
    return polars.DataFrame(CELLS, schema_overrides={"grade": polars.Enum(["unused", "b", "a"])})


def _nullable():
    frame = pd.DataFrame(CELLS).convert_dtypes()
    return frame.assign(grade=frame["grade"].astype("category"))


FRAMES = {
    "arrow": _arrow,
    "polars": _polars,
    "pandas": lambda: pd.DataFrame(CELLS).astype({"grade": "category"}),
    "pandas-nullable": _nullable,
    "pandas-objects": lambda: pd.DataFrame(CELLS, dtype=object),
    "pandas-arrow": lambda: _arrow().to_pandas(types_mapper=pd.ArrowDtype),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES.keys())
def test_every_kind_of_data_frame_gives_the_same_columns_and_codes(make):
    frame = make()
    columns = TableColumns.learn(frame)
    assert columns == COLUMNS
    numbers, codes = columns.read(frame)
    assert numbers.dtype == np.float64
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(numbers, NUMBERS)
    np.testing.assert_array_equal(codes, CODES)


def test_rows_without_names_are_read_by_position():
    rows = list(zip(*CELLS.values(), strict=True))
    columns = TableColumns.learn(rows)
    assert (columns.names, columns.is_named) == (("x0", "x1", "x2", "x3", "x4"), False)
    assert (columns.kinds, columns.categories) == (COLUMNS.kinds, COLUMNS.categories)
    np.testing.assert_array_equal(COLUMNS.read(np.array(rows, object))[1], CODES)
    with pytest.raises(ValueError, match="X has 4 features, expected 5: 'size'"):
        COLUMNS.read([row[:4] for row in rows])


def test_columns_are_matched_by_name():
    frame = pd.DataFrame(CELLS)
    np.testing.assert_array_equal(COLUMNS.read(frame[list(CELLS)[::-1]])[1], CODES)
    with pytest.raises(ValueError, match="missing columns 'city', 'grade'"):
        COLUMNS.read(frame.drop(columns=["city", "grade"]))
    with pytest.raises(ValueError, match="unknown column 'more'"):
        COLUMNS.read(frame.assign(more=1))


def test_what_is_unknown_or_missing_has_no_code():
    new = pd.DataFrame({name: [None] for name in CELLS}).assign(city=["Bonn"], rooms=[True])
    numbers, codes = COLUMNS.read(new)
    np.testing.assert_array_equal(numbers, [[np.nan, 1]])
    assert codes.tolist() == [[-1, -1, -1]]
    assert COLUMNS.read(new[:0])[1].shape == (0, 3)


@pytest.mark.parametrize("asked", [[0], ["a"], [True, False], np.array([0])])
def test_categories_may_be_asked_for(asked):
    frame = pd.DataFrame({"a": [10.0, 2.5, np.nan, 10.0], "b": [True, False, True, True]})
    columns = TableColumns.learn(frame, asked)
    assert (columns.kinds, columns.categories) == (("category", "number"), ((2.5, 10),))
    numbers, codes = columns.read(frame)
    assert (numbers.ravel().tolist(), codes.ravel().tolist()) == ([1, 0, 1, 1], [1, 0, -1, 1])


@pytest.mark.parametrize("asked", [[2], [-1], ["c"], [True], 1.5, "a", [[0]]])
def test_columns_that_are_not_there_cannot_be_categories(asked):
    with pytest.raises((TypeError, ValueError), match="categorical_features"):
        TableColumns.learn(pd.DataFrame({"a": [1.0], "b": [2]}), asked)


BAD = {
    "dates": [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)],
    "times": pd.to_datetime(["2020", "2021"]),
    "lists": [[1], [2]],
    "bytes": [b"a", b"b"],
    "mixed": ["a", 1],
    "complex": [1j, 2j],
    "infinite": [1.0, -np.inf],
    "huge": [10**400, 1],
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_neither_numbers_nor_categories_is_named(name):
    with pytest.raises((TypeError, ValueError), match=f"X: column '{name}'"):
        TableColumns.learn(pd.DataFrame({"a": [1, 2], name: BAD[name]}))


def test_dates_of_arrow_are_named():
    table = pa.table({"d": pa.array(BAD["dates"]), "s": [{"a": 1}, {"a": 2}]})
    with pytest.raises(TypeError, match="column 'd' of type Date"):
        TableColumns.learn(table)
    with pytest.raises(TypeError, match="column 's' of type Struct"):
        TableColumns.learn(table.drop(["d"]))


@pytest.mark.parametrize("X", [[], [[]], [[1], [2, 3]], [1, 2], pd.DataFrame(), np.zeros((2, 0)), np.zeros(3), None])
def test_what_is_no_table_is_refused(X):
    with pytest.raises((TypeError, ValueError), match=r"^X "):
        TableColumns.learn(X)


def test_text_and_numbers_are_not_taken_for_one_another():
    with pytest.raises(TypeError, match="column 'city' holds number, expected text"):
        COLUMNS.read(pd.DataFrame(CELLS).assign(city=[1, 2, 3]))
    with pytest.raises(TypeError, match="column 'rooms' holds text, expected numbers"):
        COLUMNS.read(pd.DataFrame(CELLS).assign(rooms=["3", "2", "4"]))
    with pytest.raises(TypeError, match="column 'a' holds text, expected it among categorical_features"):
        TableColumns.learn(pd.DataFrame({"a": ["x"], "b": ["y"]}), ["b"])


def test_documents_are_json():
    columns = TableColumns.learn(pd.DataFrame(CELLS).assign(n=[2.5, 1, 10**6]), ["city", "garden", "grade", "n"])
    assert TableColumns.from_document(json.loads(json.dumps(columns.to_document()))) == columns
    for key, wrong in {"names": ["a"], "kinds": ["text"] * 6, "categories": [["a", 1]] * 4, "is_named": None}.items():
        with pytest.raises((TypeError, ValueError)):
            TableColumns.from_document({**columns.to_document(), key: wrong})
