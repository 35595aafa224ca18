"""Samples per second, and what fraction of the machine's peak that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from fastnet.compiler import policy
from fastnet.inference import Inference
from fastnet.measure.profile import step_flop
from fastnet.measure.timing import best_of
from fastnet.report.html import Html, table
from fastnet.report.tables import percent

SECONDS = 0.3
"""Of predicting all samples again and again, of which the best time counts."""


def speed(model: Inference, X: npt.NDArray[Any], run: Mapping[str, Any]) -> Html:
    """Hold the speed of training, where it is known, and of prediction against the peak measured now.

    Where nothing is compiled, there is no peak to measure.
    """
    network = model.network
    peak = _peak(model) if policy.COMPILES else None
    flop = step_flop(network.sizes)
    rows = []
    if run.get("samples_per_second"):
        rows.append(_row("training", float(run["samples_per_second"]), sum(flop.values()), peak))
    rate = len(X) / max(best_of(lambda: model.predict_logits(X), SECONDS), 1e-9)
    rows.append(_row("prediction", rate, flop["forward"], peak))
    what = "was not measured: NUMBA_DISABLE_JIT is set" if peak is None else f"here is {peak:,.0f} GFLOP/s"
    caption = f"Multiply-adds count as two operations; the peak of {network.dtype} {what}"
    return table(caption, ("", "samples/s", "operations/sample", "GFLOP/s", "of the peak"), rows)


def _peak(model: Inference) -> float:
    from fastnet.measure.roofline import fma_peak

    return fma_peak(model.network.dtype, model.n_threads)


def _row(name: str, samples_per_second: float, flop: int, peak: float | None) -> list[str]:
    gflops = samples_per_second * flop / 1e9
    of_peak = "-" if peak is None else percent(gflops / peak)
    return [name, f"{samples_per_second:,.0f}", f"{flop:,}", f"{gflops:,.1f}", of_peak]
