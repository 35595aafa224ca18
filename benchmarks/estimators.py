"""The classifier beside scikit-learn's: fits from end to end, and the probabilities of one row."""

from __future__ import annotations

import warnings
from typing import Any

from fastnet.measure.suites.estimators import LABELS, ONE_ROW, QUICK, Fit, measure_fit, measure_one_row
from fastnet.measure.timing import Harness

FITS = {f"{fit.name}, {fit.dtype}": fit for fit in (*QUICK, Fit(4_000, 784, 2), Fit(1_000, 20, 20, "lbfgs", "float64"))}
"""Short ones, of every kind in `fastnet bench`."""

ROUNDS, SECONDS = 7, 2.0
"""Fits behind a ratio, and seconds after which two are enough."""


class _Estimator:
    timeout = 300  # of a run that may have to compile

    def setup(self, *parameters: str) -> None:
        warnings.simplefilter("ignore")  # that nothing has converged


class FitClassifier(_Estimator):
    """Seconds of a fit, with all that checks and prepares the data."""

    param_names = ("fit", "library")
    params = (list(FITS), list(LABELS))
    repeat = (3, 10, 2.0)

    def setup(self, name: str, library: str) -> None:
        super().setup()
        self.fit, (self.X, self.y) = FITS[name], FITS[name].data()
        self.fit.model(library, epochs=1).fit(self.X, self.y)  # compiles

    def time_fit(self, name: str, library: str) -> None:
        self.fit.model(library).fit(self.X, self.y)


class PredictProba(_Estimator):
    """Seconds from one row of features to the probabilities of its classes."""

    param_names = ("library",)
    params = (list(LABELS),)

    def setup(self, library: str) -> None:
        super().setup()
        X, y = ONE_ROW.data()
        self.model, self.row = ONE_ROW.model(library).fit(X, y), X[:1]
        self.model.predict_proba(self.row)

    def time_one_row(self, library: str) -> None:
        self.model.predict_proba(self.row)


class Compared:
    """Times of scikit-learn / times of fastnet, alternated."""

    param_names = ("what",)
    params = ([*FITS, "predict_proba"],)

    def setup_cache(self) -> dict[str, dict[str, Any]]:
        rows = {name: measure_fit(fit, Harness(ROUNDS, SECONDS)) for name, fit in FITS.items()}
        return {**rows, "predict_proba": measure_one_row(Harness(ROUNDS))}

    setup_cache.timeout = 300

    def track_speed_up(self, rows: dict[str, dict[str, Any]], what: str) -> float:
        return round(rows[what]["ratio"]["median"], 3)

    track_speed_up.unit = "times"
