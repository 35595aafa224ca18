"""Figures: without pyplot, shown by notebooks, written whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from fastnet.inspection.classes import shortened
from fastnet.output.atomic import replacing

FORMATS = (".png", ".svg", ".pdf")
ACTUAL, PREDICTED = "#0072b2", "#d55e00"
"""Blue and vermilion, which all eyes tell apart (Okabe and Ito, 2008)."""


class Picture(Figure):
    """A figure that a notebook shows without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=100)
        return stream.getvalue()


def new_figure(width: float, height: float) -> Picture:
    """Return an empty figure of so many inches, whose axes are of the shape of what they show."""
    return Picture(figsize=(width, height), layout="compressed")


def plain(text: str, longest: int = 24) -> str:
    """Take the middle out of a long text, and keep what looks like a formula from being set as one."""
    return shortened(text, longest).replace("$", r"\$")


def save(figure: Figure, path: str | os.PathLike[str], dpi: float = 150) -> None:
    """Write a figure to a file, beside it first and then renamed: no picture is ever half-written.

    Parameters
    ----------
    figure : Figure
        Of any function of this module.
    path : path-like
        Where to; it must end in .png, .svg or .pdf.
    dpi : float, default 150
        Pixels per inch of a .png.

    Raises
    ------
    ValueError
        For another ending.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fastnet import plots
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "confusion.svg"
    ...     plots.save(plots.confusion([0, 1, 1], [0, 1, 0]), path)
    ...     path.stat().st_size > 0
    True
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise ValueError(f"{target}: must end in {', '.join(FORMATS)}")
    with replacing(target) as file, rc_context({"svg.fonttype": "none"}):  # text that can be searched and read out
        figure.savefig(file, format=target.suffix[1:].lower(), dpi=dpi)
