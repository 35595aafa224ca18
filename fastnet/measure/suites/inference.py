"""Inference: one row at a time, where overhead rules, and many rows at once, where arithmetic does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from fastnet.measure.roofline import fma_peak
from fastnet.measure.timing import loops_for, seconds_of, spread
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
    predictor = Predictor(network)
    calls: dict[str, Call] = {"fastnet": lambda: predictor(x)}
    if "numpy" in keys:
        calls["numpy"] = lambda: int((np.maximum(x @ W1 + b1, 0) @ W2 + b2).argmax())
    if "sklearn" in keys:
        from sklearn.neural_network import MLPClassifier

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
        Of `fastnet.measure.peers.PEERS`, of libraries that are installed.
    rounds : int
        Timings of each library, alternately.

    Returns
    -------
    dict
        JSON-ready: median seconds of a call, and of the ratios to fastnet.
    """
    calls = _calls(SIZES, keys)
    loops = {key: loops_for(call) for key, call in calls.items()}
    times: dict[str, list[float]] = {key: [] for key in calls}
    for i in range(rounds):
        for key in list(calls) if i % 2 == 0 else list(calls)[::-1]:
            times[key].append(seconds_of(calls[key], loops[key]) / loops[key])
    ratios = {
        key: spread([b / a for a, b in zip(times["fastnet"], values, strict=True)])._asdict()
        for key, values in times.items()
        if key != "fastnet"
    }
    seconds = {key: spread(values)._asdict() for key, values in times.items()}
    return {"name": f"one row of {'-'.join(map(str, SIZES))}", "seconds": seconds, "ratios": ratios}


def many_rows(rounds: int = 7, n_threads: int | None = None) -> dict[str, Any]:
    """Time inference of many rows against the FMA peak; JSON-ready."""
    from fastnet.kernels import predict_logits

    network = Network(MANY_SIZES, seed=0)
    X = np.random.default_rng(0).random((MANY_ROWS, MANY_SIZES[0]), dtype=np.float32)
    flop = 2 * MANY_ROWS * sum(a * b for a, b in pairwise(MANY_SIZES))
    arguments = (network.parameters, X, network.sizes, network.activations)
    predict_logits(*arguments, n_threads=n_threads)
    fractions, seconds = [], []
    for _ in range(rounds):
        before = fma_peak(n_threads=n_threads, seconds=0.02)
        start = time.perf_counter()
        predict_logits(*arguments, n_threads=n_threads)
        seconds.append(time.perf_counter() - start)
        peak = (before + fma_peak(n_threads=n_threads, seconds=0.02)) / 2
        fractions.append(flop / seconds[-1] / 1e9 / peak)
    name = f"{MANY_ROWS:,} rows of {'-'.join(map(str, MANY_SIZES))}"
    return {
        "name": name,
        "seconds": {"fastnet": spread(seconds)._asdict()},
        "fraction_of_peak": spread(fractions)._asdict(),
    }
