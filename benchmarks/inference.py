"""Inference: the latency of one row, the throughput of many, and the memory these take."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks._table import IMPLEMENTATIONS, PEER_KEYS
from fastnet import Network
from fastnet.measure.suites.inference import MANY_ROWS, MANY_SIZES, many_rows, one_row


class OneRow:
    """Seconds from an array of features to the class, with all that a caller pays; libraries alternate."""

    param_names = ("implementation",)
    params = (list(PEER_KEYS),)

    def setup_cache(self) -> dict[str, Any]:
        return one_row(("fastnet", "numpy"))

    setup_cache.timeout = 300

    def track_latency(self, row: dict[str, Any], implementation: str) -> float:
        return row["seconds"][PEER_KEYS[implementation]]["median"]

    track_latency.unit = "seconds"


class ManyRows:
    """Rows per second, and the fraction of the FMA peak that is measured next to them."""

    def setup_cache(self) -> dict[str, Any]:
        return many_rows()

    setup_cache.timeout = 300

    def track_throughput(self, row: dict[str, Any]) -> float:
        return round(MANY_ROWS / row["seconds"]["fastnet"]["median"])

    track_throughput.unit = "rows/s"

    def track_fraction_of_peak(self, row: dict[str, Any]) -> float:
        return round(row["fraction_of_peak"]["median"], 3)

    track_fraction_of_peak.unit = "of FMA peak"


class Memory:
    """Largest resident memory of a process that predicts, all libraries included."""

    param_names = ("implementation",)
    params = (list(IMPLEMENTATIONS),)
    timeout = 300

    def setup_cache(self) -> None:
        self.peakmem_many_rows("compiled")  # compiles in a process of its own, or memory would be that of the compiler

    setup_cache.timeout = 300

    def peakmem_many_rows(self, implementation: str) -> None:
        network = Network(MANY_SIZES, seed=0)
        X = np.random.default_rng(0).random((MANY_ROWS, MANY_SIZES[0]), dtype=np.float32)
        IMPLEMENTATIONS[implementation].predict_logits(network.parameters, X, network.sizes, network.activations)
