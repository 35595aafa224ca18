"""`fastnet data info` and `fastnet data convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.tables import options as tables

CLASSES_SHOWN = 100

EXAMPLES = """\b
Examples:
  fastnet data info train.csv
  fastnet data convert train.csv train.npz
  fastnet data convert mnist.npz mnist/ --gzip
"""

data_app = typer.Typer(rich_markup_mode=None, epilog=EXAMPLES)

OutData = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        help="File to write: .npz, .npy, .csv, .csv.gz or .parquet; or a new folder for IDX files, as those of MNIST.",
    ),
]
Gzip = Annotated[bool, typer.Option("--gzip", help="Compress the IDX files of a folder.")]


@data_app.callback()
def _data() -> None:
    """Inspect data files, and convert them."""


@data_app.command()
def info(
    data: options.DataPath, label: options.Label = None, json: options.Json = False,
    delimiter: tables.Delimiter = None, decimal: tables.Decimal = None, encoding: tables.Encoding = None,
) -> int:  # fmt: skip
    """Describe a data file: shape, data type, classes, range, zeros; or the columns of a table with text and gaps."""
    from fastnet.cli.data import load
    from fastnet.cli.output import answer
    from fastnet.cli.tables.description import facts_of_table, print_table
    from fastnet.datasets.files import MixedTableError, MixedTypeError
    from fastnet.datasets.tables.mixed import is_other_text, is_table

    dialect = tables.dialect(delimiter, decimal, encoding)
    if dialect.is_given or is_other_text(data):
        return answer(facts_of_table(data, label, dialect), json, print_table)
    try:
        loaded = load(data, label, require_labels=label is not None)
    except (MixedTableError, MixedTypeError):
        if not is_table(data) or str(data) == "-":
            raise
        return answer(facts_of_table(data, label, dialect), json, print_table)
    return answer({"data": str(data), **_facts(loaded)}, json, _print)


@data_app.command()
def convert(data: options.DataPath, out: OutData, label: options.Label = None, compress: Gzip = False) -> int:
    """Convert data to another format.

    Labels are kept, and the test set and names of classes where the format can hold them; what is left out is said.
    """
    from fastnet import datasets
    from fastnet.cli.data import load
    from fastnet.cli.output import check_writable
    from fastnet.datasets.saving import check_places, format_of

    format_of(out)
    if not out.is_dir():
        check_writable(out, None, data, "OUT")
    check_places(out)
    loaded = load(data, label, require_labels=label is not None)
    lost = datasets.save(out, loaded, compress=compress)
    print(f"{len(loaded.X):,} samples of {loaded.X.shape[1]:,} {loaded.X.dtype} features written to {out}")
    if lost:
        print(f"not written, as the format cannot hold it: {' and '.join(lost)}")
    return 0


def _facts(data: Any) -> dict[str, Any]:
    return {
        "name": data.name,
        "image_shape": data.image_shape,
        "label_names": data.label_names,
        "train": _part(data.X, data.y, data.label_names),
        "test": None if data.X_test is None else _part(data.X_test, data.y_test, data.label_names),
    }


def _part(X: Any, y: Any, names: tuple[str, ...] | None) -> dict[str, Any]:
    import numpy as np

    counts = [] if y is None else np.bincount(y, minlength=len(names or ())).tolist()
    return {
        "samples": len(X),
        "features": X.shape[1],
        "dtype": str(X.dtype),
        "min": X.min().item(),
        "max": X.max().item(),
        "zeros": 1 - np.count_nonzero(X) / X.size,
        "classes": [
            {"class": label if names is None else names[label], "samples": count}
            for label, count in enumerate(counts)
            if count or names is not None
        ],
    }


def _print(facts: dict[str, Any]) -> None:
    from fastnet.cli.output import print_rows

    shape = facts["image_shape"]
    rows = {"data": facts["data"] if shape is None else f"{facts['data']}, images of {' x '.join(map(str, shape))}"}
    for name in ("train", "test"):
        part = facts[name]
        rows[name] = "none; fastnet train holds out a fifth of every class" if part is None else _line(part)
    print_rows(rows)
    train, test = facts["train"]["classes"], (facts["test"] or {"classes": []})["classes"]
    if 0 < len(train) <= CLASSES_SHOWN:
        _print_classes(train, test)


def _line(part: dict[str, Any]) -> str:
    labels = f"{len(part['classes']):,} classes" if part["classes"] else "no labels"
    return (
        f"{part['samples']:,} samples, {part['features']:,} {part['dtype']} features from {part['min']:g} to "
        f"{part['max']:g}, {100 * part['zeros']:.1f} % zeros; {labels}"
    )


def _print_classes(train: list[dict[str, Any]], test: list[dict[str, Any]]) -> None:
    total = sum(row["samples"] for row in train)
    counts = {row["class"]: row["samples"] for row in test}
    width = max(5, *(len(str(row["class"])) for row in train))
    print(f"\n{'class':>{width}}{'train':>10}{'share':>9}" + (f"{'test':>10}" if test else ""))
    for row in train:
        line = f"{row['class']:>{width}}{row['samples']:>10,}{100 * row['samples'] / total:>7.1f} %"
        print(f"{line}{counts.get(row['class'], 0):>10,}" if test else line)
