"""The table of recipes, from rows at hand."""

from fastnet.measure.suites import recipes as bench


def test_the_table_counts_runs_that_reach_what_is_reported():
    def row(better, seed, train):
        return {
            "recipe": "kaggle-relu-fast", "better": better, "backend": "numba", "seed": seed, "network": "784-10-10",
            "accuracies": {"train": train, "dev": 0.5}, "seconds": 2.0 + seed,
        }  # fmt: skip

    rows = [row(False, 0, 0.7), row(False, 1, 0.917), row(False, 2, 0.9169), row(True, 0, 0.92), row(True, 1, 0.95)]
    by_name, as_written = (dict(zip(bench.HEADING, line, strict=False)) for line in bench.table_rows(rows))
    assert by_name["recipe"] == "kaggle-relu-fast"
    assert as_written["recipe"] == "kaggle-relu-fast --as-written"
    assert (by_name["reached"], as_written["reached"]) == ("2 of 2", "1 of 3")
    assert bench.table_rows(rows)[1][6] == "train 70.00 / 91.69 / 91.70 %, dev 50.00 / 50.00 / 50.00 %"
    assert bench.table_rows(rows)[1][7] == "2 s"
    assert by_name["notebook"] == as_written["notebook"] == "91.7 % train"
    (line,) = bench.table_rows([row(False, 0, 0.92) | {"recipe": "fast"}])
    assert (line[0], line[3], line[6]) == ("fast", "-", "train 92.00 %, dev 50.00 %")
