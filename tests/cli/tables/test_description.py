"""`fastnet data info` on tables with text and gaps."""

import json

from fastnet.cli import main


def test_columns_are_listed(tmp_path, capsys):
    path = tmp_path / "t.tsv"
    path.write_text("id\tsize\tok\tnone\nx\t1,5\ttrue\t\ny\t\tfalse\tNA\n")
    assert main(["data", "info", str(path), "--label", "size", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["task"]) == (2, "regression")
    assert [tuple(one.values())[:4] for one in found["columns"]] == [
        ("id", "text", 0, 2), ("size", "number", 1, 1), ("ok", "bool", 0, 2), ("none", "nothing", 2, 0),
    ]  # fmt: skip
    assert main(["data", "info", str(path)]) == 0
    assert "from 1.5 to 1.5" in capsys.readouterr().out
    assert main(["data", "info", str(path), "--label", "cost"]) == 2
    assert "no label column 'cost'" in capsys.readouterr().err
