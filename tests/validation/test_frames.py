import numpy as np
import pytest
from data_frames import FRAMES, Frame

from fastnet.validation.frames import by_name, listed, names_of, order_of, row_by_name


@pytest.mark.parametrize("frame", FRAMES)
def test_columns_come_in_the_order_that_is_wanted(frame):
    values = frame({"b": [1.5, 2.5], "kind": ["x", "y"], "a": [True, False]})
    expected = [[1, 1.5], [0, 2.5]]
    assert by_name("X", values, ("a", "b"), "kind").tolist() == expected
    with pytest.raises(ValueError, match=r"^X: unknown column 'kind'; expected 'a', 'b', in any order$"):
        by_name("X", values, ("a", "b"))


@pytest.mark.parametrize("frame", FRAMES)
def test_columns_of_different_types_are_numbers_side_by_side(frame):
    columns = {"truth": [True, False], "small": np.array([1, 2], np.uint8), "large": [1 << 40, 3], "half": [0.5, 1.5]}
    actual = by_name("X", frame(columns))
    assert actual.dtype == np.float64
    assert actual.tolist() == [[1, 1, 1 << 40, 0.5], [0, 2, 3, 1.5]]
    pixels = by_name("X", frame({name: columns[name] for name in ("truth", "small")}))
    assert (pixels.dtype, pixels.tolist()) == (np.uint8, [[1, 1], [0, 2]])


@pytest.mark.parametrize("frame", FRAMES)
def test_columns_that_hold_no_numbers_are_named(frame):
    values = frame({"a": [1, 2], "b": ["x", "y"], "c": np.array(["2020-01-01", "2020-01-02"], "datetime64[ms]")})
    with pytest.raises(TypeError, match=r"^X must hold numbers, got .* in 'b', 'c'$"):
        by_name("X", values)


def test_numbers_among_objects_are_numbers_and_what_is_missing_is_none():
    whole = np.array([1, True, np.bool(False), np.int64(2)], object)
    assert by_name("X", Frame({"a": whole})).tolist() == [[1], [1], [0], [2]]
    for value in (None, "1", object()):
        with pytest.raises(TypeError, match="got object in 'a'"):
            by_name("X", Frame({"a": np.array([1, value], object)}))


@pytest.mark.parametrize(
    ("found", "wanted", "words"),
    [
        ("ab", "abc", ["missing column 'c';"]),
        ("abcd", "abc", ["unknown column 'd';"]),
        ("dbe", "abc", ["missing columns 'a', 'c' and unknown columns 'd', 'e'; expected 'a', 'b', 'c', in any order"]),
        ("abca", "abc", ["repeated column 'a'"]),
    ],
)
def test_columns_that_do_not_match_are_listed(found, wanted, words):
    with pytest.raises(ValueError, match=r"^here: ") as error:
        order_of(list(found), list(wanted), "here")
    for word in words:
        assert word in str(error.value)


def test_a_list_of_columns_is_bounded():
    names = [f"{i}\n{'x' * 500}" for i in range(1000)]
    with pytest.raises(ValueError, match="missing columns") as error:
        order_of(["a"], names, "here")
    assert len(str(error.value)) < 1000
    assert "\n" not in str(error.value)
    assert listed(["a", "b"]) == "'a', 'b'"


def test_what_has_no_names_is_left_as_it_is():
    for values in (np.eye(2), [[1, 2]], Frame({0: [1, 2], 1: [3, 4]})):
        assert names_of("X", values) is None
        assert by_name("X", values, ("a", "b")) is values
        assert row_by_name("x", values, ("a", "b")) is values


def test_names_for_some_of_the_columns():
    with pytest.raises(TypeError, match="X must have columns that are all called by text, got 1 of 2"):
        by_name("X", Frame({0: [1], "a": [2]}))
