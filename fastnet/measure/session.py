"""A run of `fastnet bench`: the sections of a suite, measured row by row into a document that is kept as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastnet.measure.suites import accuracy, company, estimators, fleets, inference, networks, targets
from fastnet.measure.suites.tabular import suite as tabular
from fastnet.measure.timing import Harness
from fastnet.measure.workloads import Workload

SECONDS = {"quick": 22.0, "full": 1800.0, "company": 120.0, "targets": 180.0, "fleets": 120.0, "tabular": 600.0}
"""After which no further round begins; the full suite takes those of company and targets besides."""

DOUBTFUL: dict[str, Any] = {
    "networks": networks, "estimators": estimators, "company": company, "targets": targets, "fleets": fleets,
}  # fmt: skip
"""Modules whose `doubts` says, section by section, where the machine was too noisy."""


@dataclass(frozen=True)
class Session:
    """What is measured, and where the rows go.

    Attributes
    ----------
    suite : {"quick", "full", "company", "targets", "fleets", "tabular"}
        Whose sections are measured.
    workloads : sequence of Workload
        The networks.
    keys : sequence of str
        The libraries, of `fastnet.measure.peers.PEERS`.
    harness : Harness
        How measurements are taken.
    whole : bool
        Whether the suite is measured as it is, not networks of the user's own.
    alone : bool
        Whether no busy process computes beside.
    document : dict
        Of `fastnet.measure.results.new_document`; gets the rows.
    keep : callable, optional
        Called after each row: what ends the process then loses no more than the next one.
    """

    suite: str
    workloads: Sequence[Workload]
    keys: Sequence[str]
    harness: Harness
    whole: bool
    alone: bool
    document: dict[str, Any]
    keep: Callable[[], object] = field(default=lambda: None)

    def measure_tables(self, tasks: Iterable[Any]) -> None:
        """Measure what libraries learn from tables."""
        self._add("tabular", tabular.measure_all(tasks, self.harness))

    def measure(self, splits: Iterable[tuple[str, Any]] = ()) -> None:
        """Measure everything; `splits` are data to train on until it is accurate, with their names."""
        full = self.whole and self.suite == "full"
        if self.suite in ("quick", "full"):
            shares = self.harness.shares(self.workloads)
            self._add("networks", (networks.measure(one, self.keys, share) for one, share in shares))
            if self.whole and "sklearn" in self.keys:
                fits, seconds = (estimators.FULL, 600.0) if full else (estimators.QUICK, 6.0)
                self._add("estimators", estimators.measure_all(fits, self._lasting(seconds)))
            self._add("latency", inference.measure_all(self.keys, self.harness))
        if self.suite == "targets" or full:
            harness = self._lasting(SECONDS["targets"])
            self._add("targets", targets.measure_all(targets.TARGETS, self.keys, harness))
        if self.suite == "fleets":
            self._add("fleets", fleets.measure_all(fleets.CASES, self.keys, self.harness))
        if self.suite == "company" or (full and self.alone):
            those = list(company.WORKLOADS) if full else self.workloads
            shares = self._lasting(SECONDS["company"]).shares(those)
            self._add("company", (company.measure(one, self.keys, share) for one, share in shares))
        for name, split in splits:
            self._add("accuracy", self._accuracy(name, split))

    def _lasting(self, seconds: float) -> Harness:
        return replace(self.harness, seconds=seconds)

    def _add(self, section: str, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            self.document[section].append(row)
            if section in DOUBTFUL:
                self.document["warnings"] += DOUBTFUL[section].doubts(row)
            self.keep()

    def _accuracy(self, name: str, split: Any) -> list[dict[str, Any]]:
        sizes = (split.X.shape[1], 128, int(split.y.max()) + 1)
        workload = Workload(sizes, 32, optimizer="adam", samples=len(split.X))
        told = replace(self.harness, progress=lambda text: self.harness.progress(f"{name}: {text}"))
        keys = [key for key in self.keys if key != "fastnet1"]
        return [{"data": name, **row} for row in accuracy.time_to_accuracy(keys, split, workload, told)]
