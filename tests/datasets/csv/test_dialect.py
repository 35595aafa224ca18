"""How text files spell tables, found in them or said."""

import numpy as np
import pytest

from fastnet.datasets.csv.dialect import Dialect
from fastnet.datasets.csv.mixed import parse_mixed

ROWS = [["Größe", "Stadt", "Art"], ["1,5", "Köln", "alt"], ["-2,25", "Düren", "neu"], ["", "Köln, Süd", "neu"]]


def content(delimiter, encoding, decimal=","):
    lines = []
    for row in ROWS:
        cells = [cell.replace(",", decimal) if cell[:1] in "1-" else cell for cell in row]
        lines.append(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in cells))
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("decimal", [",", "."])
@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_signs_are_found(delimiter, decimal, encoding):
    _check(parse_mixed(content(delimiter, encoding, decimal), Dialect(), "t.csv"))


def _check(table):
    assert table.names == ("Größe", "Stadt", "Art")
    np.testing.assert_array_equal(table.cells[0].values, [1.5, -2.25, np.nan])
    assert table.cells[1].values == ["Köln", "Düren", "Köln, Süd"]


def test_encodings_are_found_or_said():
    text = content(";", "utf-8").decode()
    _check(parse_mixed(text.encode("utf-16"), Dialect(), "t.csv"))
    _check(parse_mixed(text.encode("utf-16-le"), Dialect(encoding="utf-16-le"), "t.csv"))
    _check(parse_mixed(text.encode("latin-1"), Dialect("semicolon", ",", "latin-1"), "t.csv"))
    with pytest.raises(ValueError, match=r"t\.csv: line 1: not UTF-8 text; --encoding latin-1"):
        parse_mixed(text.encode("latin-1"), Dialect(), "t.csv")
    with pytest.raises(ValueError, match="perhaps UTF-16"):
        parse_mixed(text.encode("utf-16-le"), Dialect(), "t.csv")


def test_what_is_said_counts():
    body = b"a;b,c\n1;2,3\n4;5,6\n"
    assert parse_mixed(body, Dialect(","), "t").names == ("a;b", "c")
    assert parse_mixed(b"a,b\n1,2.5\n", Dialect(decimal=","), "t").column("b").content == "text"


@pytest.mark.parametrize(
    "wrong", [{"delimiter": ":"}, {"decimal": ";"}, {"encoding": "klingon"}, {"encoding": "base64"}, {"delimiter": ""}]
)
def test_other_signs_are_refused(wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
        Dialect(**wrong)
