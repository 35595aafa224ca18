"""`fastnet show`: samples and their predictions in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import Backend, optional

if TYPE_CHECKING:
    import numpy.typing as npt
    from rich.text import Text

    from fastnet.cli.blocks import Screen
    from fastnet.cli.trial import Trial

EXAMPLES = """\b
Examples:
  fastnet show model.safetensors mnist/ --index 7
  fastnet show model.safetensors mnist/ --index 0,3,12
  fastnet show model.safetensors mnist/ --wrong --count 5
"""

TOP = 10
"""Classes that have bars, at most."""
FEATURES = 20
"""Features that are listed, at most, of a sample that is no image."""

Index = Annotated[str | None, optional("N", "Which samples to show, such as 7 or 0,3,12.  [default: 0]")]
Wrong = Annotated[bool, typer.Option("--wrong", help="Show misclassified samples, the most confident mistakes first.")]
Count = Annotated[int | None, optional("N", "How many mistakes to show.  [default: 3]", min=1)]


def show(
    model: options.ModelPath, data: options.DataPath, index: Index = None, wrong: Wrong = False, count: Count = None,
    label: options.Label = None, backend: options.BackendOption = Backend.numba, threads: options.Threads = None,
    json: options.Json = False,
) -> int:  # fmt: skip
    """Show samples and their predictions in the terminal.

    If the data has a test set, as the MNIST files do, samples are taken from there.
    """
    from fastnet.cli.output import answer
    from fastnet.cli.settings import check_threads

    indices = _indices(index)
    if wrong and index is not None:
        raise ValueError("--index and --wrong: expected one of them")
    if count is not None and not wrong:
        raise ValueError("--count needs --wrong")
    check_threads(backend, threads)

    from fastnet.cli.trial import checked_indices, open_trial

    trial = open_trial(model, data, label, str(backend), threads, "fastnet show", require_labels=wrong)
    if wrong:
        trial.note_held_out("--wrong")
    chosen = _mistakes(trial, count or 3) if wrong else checked_indices(indices, len(trial.X))
    probabilities = trial.probabilities(chosen) if chosen else trial.X[:0]
    head = {"model": str(model), "data": str(data), "part": trial.part}
    samples = _as_json(trial, chosen, probabilities)
    return answer(head | {"samples": samples}, json, lambda _: _print(trial, chosen, probabilities))


def _indices(text: str | None) -> list[int]:
    words = [word.strip() for word in ("0" if text is None else text).split(",")]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError(f"--index must be whole numbers from 0, with commas between, got {text!r}")
    return [int(word) for word in words]


def _mistakes(trial: Trial, count: int) -> list[int]:
    from fastnet.inspection.classes import most_confident_mistakes

    assert trial.y is not None
    return [int(i) for i in most_confident_mistakes(trial.y, trial.probabilities())[:count]]


def _as_json(trial: Trial, chosen: list[int], probabilities: npt.NDArray[Any]) -> list[dict[str, Any]]:
    rows = []
    for index, row in zip(chosen, probabilities, strict=True):
        actual, predicted = None if trial.y is None else int(trial.y[index]), int(row.argmax())
        rows.append({
            "index": index,
            "actual": None if actual is None else trial.labels[actual],
            "predicted": trial.labels[predicted],
            "correct": None if actual is None else actual == predicted,
            "probabilities": {trial.labels[i]: float(share) for i, share in enumerate(row)},
        })  # fmt: skip
    return rows


def _print(trial: Trial, chosen: list[int], probabilities: npt.NDArray[Any]) -> None:
    from rich.console import Console

    from fastnet.cli.blocks import screen_of

    console = Console(highlight=False, soft_wrap=True)
    screen = screen_of(console)
    if not chosen:
        console.print(f"no mistakes in {len(trial.X):,} samples ({trial.part})")
    for n, (index, row) in enumerate(zip(chosen, probabilities, strict=True)):
        for line in [*([""] if n else []), *_lines(trial, index, row, screen)]:
            console.print(line, markup=False)


def _lines(trial: Trial, index: int, probabilities: npt.NDArray[Any], screen: Screen) -> list[str | Text]:
    """Return what is printed of one sample."""
    import textwrap

    from fastnet.cli.blocks import GAP, bars, beside, side_by_side

    actual, predicted = None if trial.y is None else int(trial.y[index]), int(probabilities.argmax())
    title = f"sample {index} of the {trial.part}: " if trial.part == "test part" else f"sample {index}: "
    title += f"predicted {trial.labels[predicted]}"
    if actual is not None:
        title += f", actual {trial.labels[actual]}: {'right' if actual == predicted else 'WRONG'}"
    left = _sample(trial, index, screen)
    width = max(line.cell_len for line in left)
    together = side_by_side(width, screen)
    shown = sorted((-probabilities).argsort(kind="stable")[:TOP].tolist())
    marks = [_mark(i, actual, predicted) for i in shown]
    columns = min(screen.columns - (width + GAP if together else 0), 60)
    right = bars([trial.labels[i] for i in shown], probabilities[shown].tolist(), marks, columns, screen)
    body = beside(left, right, width + GAP) if together else [*left, *right]
    return [*textwrap.wrap(title, screen.columns), *body]


def _mark(i: int, actual: int | None, predicted: int) -> str:
    if i == predicted:
        return "<" if actual is None or i == actual else "< predicted"
    return "< actual" if i == actual else ""


def _sample(trial: Trial, index: int, screen: Screen) -> list[Text]:
    """Return an image as blocks, or the first features by name."""
    from rich.text import Text

    from fastnet.cli.blocks import picture
    from fastnet.inspection.classes import shortened
    from fastnet.inspection.images import as_images

    x = trial.X[index]
    if trial.image_shape is not None:
        return picture(as_images(x[None], trial.image_shape)[0], screen)
    names = trial.feature_names or [f"x{i}" for i in range(len(x))]
    longest = min(max(map(len, names[:FEATURES])), screen.columns - 12)
    dots = "…" if screen.blocks else "..."
    lines = [Text(f"{shortened(name, longest, dots):<{longest}}  {value:>10.4g}")
             for name, value in zip(names[:FEATURES], x.tolist(), strict=False)]  # fmt: skip
    return [*lines, Text(f"and {len(x) - FEATURES:,} more features")] if len(x) > FEATURES else lines
