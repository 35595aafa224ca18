"""Inference: one row at a time, where overhead rules, and many rows at once, where arithmetic does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from fastnet.measure.peers import PEERS
from fastnet.measure.roofline import beside_peak
from fastnet.measure.tables import Table, duration, with_interval
from fastnet.measure.timing import Harness, in_loops, ratios_to, seconds_of, spread
from fastnet.network import Network
from fastnet.predictor import Predictor

SIZES = (784, 128, 10)
MANY_ROWS, MANY_SIZES = 20_000, (784, 512, 512, 10)

Call = Callable[[], object]


def _calls(sizes: tuple[int, ...], keys: Sequence[str]) -> dict[str, Call]:
    """Return, for each library, the whole call from an array of features to the class."""
    rng = np.random.default_rng(0)
    network, x = Network(sizes, seed=0), rng.random(sizes[0], dtype=np.float32)
    (W1, W2), (b1, b2) = network.weights, network.biases
    predictor = Predictor(network, "cross_entropy")
    calls: dict[str, Call] = {"fastnet": lambda: predictor(x)}
    if "numpy" in keys:
        calls["numpy"] = lambda: int((np.maximum(x @ W1 + b1, 0) @ W2 + b2).argmax())
    if "sklearn" in keys:
        # by the name that patch_sklearn leaves alone
        from sklearn.neural_network._multilayer_perceptron import MLPClassifier

        model = MLPClassifier(sizes[1:-1], max_iter=1, batch_size=20)
        model.partial_fit(
            rng.random((20, sizes[0]), dtype=np.float32), np.arange(20) % sizes[-1], classes=np.arange(sizes[-1])
        )
        calls["sklearn"] = lambda: model.predict(x[None])
    if "torch" in keys:
        calls["torch"] = _torch_call(sizes, x)
    return calls


def _torch_call(sizes: tuple[int, ...], x: Any) -> Call:
    import torch

    n_in, n_hidden, n_out = sizes
    layers = torch.nn.Linear(n_in, n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, n_out)
    model, sample = torch.nn.Sequential(*layers).eval(), torch.from_numpy(x)

    def call() -> int:
        with torch.inference_mode():
            return int(model(sample).argmax())

    return call


def one_row(keys: Sequence[str], rounds: int = 15) -> dict[str, Any]:
    """Time the call that gives the class of one row, in every library that has one.

    Parameters
    ----------
    keys : sequence of str
        Of `fastnet.measure.peers.PEERS`; those that are not installed are left out.
    rounds : int
        Timings of each library, alternately.

    Returns
    -------
    dict
        JSON-ready: median seconds of a call, and of the ratios to fastnet.
    """
    calls = _calls(SIZES, [key for key in keys if PEERS[key].missing() is None])
    times = Harness(rounds).times({key: in_loops(call) for key, call in calls.items()})
    ratios = {key: ratios_to(times["fastnet"], values) for key, values in times.items() if key != "fastnet"}
    seconds = {key: spread(values) for key, values in times.items()}
    return {"name": f"one row of {'-'.join(map(str, SIZES))}", "seconds": seconds, "ratios": ratios}


def many_rows(rounds: int = 7, n_threads: int | None = None) -> dict[str, Any]:
    """Time inference of many rows against the FMA peak; JSON-ready."""
    from fastnet.kernels import predict_logits

    network = Network(MANY_SIZES, seed=0)
    X = np.random.default_rng(0).random((MANY_ROWS, MANY_SIZES[0]), dtype=np.float32)
    flop = 2 * MANY_ROWS * sum(a * b for a, b in pairwise(MANY_SIZES))
    call = partial(predict_logits, network.parameters, X, network.sizes, network.activations, n_threads=n_threads)
    call()
    fractions, seconds = [], []
    for _ in range(rounds):
        passed, peaks = beside_peak(lambda: seconds_of(call, 1), n_threads=n_threads)
        seconds.append(passed)
        fractions.append(flop / passed / 1e9 / (sum(peaks) / 2))
    name = f"{MANY_ROWS:,} rows of {'-'.join(map(str, MANY_SIZES))}"
    return {"name": name, "seconds": {"fastnet": spread(seconds)}, "fraction_of_peak": spread(fractions)}


def measure_all(keys: Sequence[str], harness: Harness) -> Iterator[dict[str, Any]]:
    """Measure one row and many, with the threads of a harness."""
    harness.progress("inference")
    yield one_row(keys)
    yield many_rows(n_threads=harness.n_threads)


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: there are too few numbers for a table."""
    lines = []
    for row in rows:
        text = ", ".join(f"{key} {duration(one['median'])}" for key, one in row["seconds"].items())
        peak = f", {with_interval(row['fraction_of_peak'])} of the FMA peak" if "fraction_of_peak" in row else ""
        lines.append(f"Inference, {row['name']}: {text}{peak}.")
    return lines
