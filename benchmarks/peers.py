"""Time epochs of training and inference against PyTorch, JAX and scikit-learn, alternately, in one process.

    python benchmarks/peers.py --markdown docs/performance.md

Everyone trains the same network with plain SGD or Adam on the same random data, which lies in memory as the library
wants it: no loader, no conversion, no compilation inside the timing, and as many threads as processors. A library
that is not installed is left out, by name. Rounds go A B C D, D C B A; ratios are of times taken in the same
round, and their median is given with the lowest and the highest. The FMA peak is measured before and after
every epoch of fastnet; the fraction is that of FLOP / (time * peak), with 2 * in * out for each of forward, dx
and dW of a layer and sample, and no dx in the first layer.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

import fastnet
from fastnet._jit import cpu_name, vector_bits
from fastnet._threads import available_cores
from fastnet.roofline import fma_peak


class Row(NamedTuple):
    sizes: tuple[int, ...]
    batch_size: int  # 0: all samples
    activation: str = "relu"
    optimizer: str = "sgd"
    samples: int = 60_000
    dtype: str = "float32"
    repeats: int = 1  # epochs in one timing

    @property
    def name(self) -> str:
        batch = str(self.batch_size) if self.batch_size else "full"
        words = ["-".join(map(str, self.sizes)), f"batch {batch}"]
        words += [
            word for word in (self.activation, self.optimizer, self.dtype) if word not in Row._field_defaults.values()
        ]
        return ", ".join(words) + (f", {self.samples:,} rows" if self.samples != 60_000 else "")

    @property
    def flop(self) -> float:
        layers = [6 * n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        return self.samples * self.repeats * (sum(layers) - 2 * self.sizes[0] * self.sizes[1])

    @property
    def batch(self) -> int:
        return self.batch_size or self.samples


ROWS = [
    Row((784, 10, 10), 128),
    Row((784, 10, 10), 0, repeats=4),
    Row((784, 128, 10), 32),
    Row((784, 128, 10), 128),
    Row((784, 512, 512, 10), 128),
    Row((784, 1024, 1024, 10), 512),
    Row((784, 128, 10), 32, optimizer="adam"),
    Row((784, 72, 36, 10), 0, "sigmoid", samples=10_000, repeats=8),
    Row((784, 128, 10), 128, dtype="float64"),
    Row((784, 512, 512, 10), 128, dtype="float64"),
]
EXTRA_ROWS = [
    Row((100, 50, 50, 50, 50, 50, 3), 16),
    Row((13, 7, 1021, 5), 57),
    Row((784, 300, 100, 10), 1, samples=4_000),
    Row((784, 300, 100, 10), 4096),
]

Epoch = Callable[[], object]


def make_data(row: Row) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.random((row.samples, row.sizes[0]), dtype=np.float32).astype(row.dtype)
    return X, rng.integers(0, row.sizes[-1], row.samples)


def with_fastnet(row: Row, X: np.ndarray, y: np.ndarray, threads: int | None = None) -> Epoch:
    network = fastnet.Network(row.sizes, row.activation, seed=0, dtype=row.dtype)
    settings = fastnet.SGD(0.01) if row.optimizer == "sgd" else fastnet.Adam()
    trainer = fastnet.Trainer(network, settings, batch_size=row.batch, seed=0, n_threads=threads)
    return lambda: sum(trainer.fit(X, y, epochs=row.repeats).seconds)  # without the check of the data, once a fit


def with_torch(row: Row, X: np.ndarray, y: np.ndarray) -> Epoch:
    import torch

    layers: list[torch.nn.Module] = []
    for i, (n_in, n_out) in enumerate(pairwise(row.sizes)):
        layers += [torch.nn.ReLU() if row.activation == "relu" else torch.nn.Sigmoid()] if i else []
        layers.append(torch.nn.Linear(n_in, n_out, dtype=getattr(torch, row.dtype)))
    model = torch.nn.Sequential(*layers)
    optimizer = (
        torch.optim.SGD(model.parameters(), 0.01) if row.optimizer == "sgd" else torch.optim.Adam(model.parameters())
    )
    data, labels = torch.from_numpy(X), torch.from_numpy(y)

    def epoch() -> None:
        for _ in range(row.repeats):
            order = torch.randperm(row.samples)
            for start in range(0, row.samples, row.batch):
                rows = order[start : start + row.batch]
                x, target = (data, labels) if row.batch == row.samples else (data[rows], labels[rows])
                optimizer.zero_grad(set_to_none=True)
                torch.nn.functional.cross_entropy(model(x), target).backward()
                optimizer.step()

    return epoch


def with_jax(row: Row, X: np.ndarray, y: np.ndarray) -> Epoch:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", row.dtype == "float64")
    rng = np.random.default_rng(0)
    state = [
        (jnp.asarray(rng.normal(0, np.sqrt(2 / a), (a, b)), row.dtype), jnp.zeros(b, row.dtype))
        for a, b in pairwise(row.sizes)
    ]
    data, labels = jnp.asarray(X), jnp.asarray(y.astype(np.int32))
    steps = row.samples // row.batch
    act = jax.nn.relu if row.activation == "relu" else jax.nn.sigmoid

    def loss(layers, x, target):  # type: ignore[no-untyped-def]
        for W, b in layers[:-1]:
            x = act(x @ W + b)
        z = x @ layers[-1][0] + layers[-1][1]
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, target[:, None], 1)[:, 0])

    def step(carry, rows):  # type: ignore[no-untyped-def]
        layers, m, v, t = carry
        x, target = (data, labels) if steps == 1 else (data[rows], labels[rows])
        g = jax.grad(loss)(layers, x, target)
        if row.optimizer == "sgd":
            return (jax.tree.map(lambda p, d: p - 0.01 * d, layers, g), m, v, t), None
        t = t + 1
        m = jax.tree.map(lambda a, d: 0.9 * a + 0.1 * d, m, g)
        v = jax.tree.map(lambda a, d: 0.999 * a + 0.001 * d * d, v, g)
        rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        layers = jax.tree.map(lambda p, a, b: p - rate * a / (jnp.sqrt(b) + 1e-8), layers, m, v)
        return (layers, m, v, t), None

    @jax.jit
    def epoch(carry, order):  # type: ignore[no-untyped-def]
        return jax.lax.scan(step, carry, order)[0]

    zeros = jax.tree.map(jnp.zeros_like, state)
    carry = [(state, zeros, zeros, jnp.zeros((), row.dtype))]

    def run() -> None:
        for _ in range(row.repeats):
            order = np.random.default_rng(0).permutation(row.samples)[: steps * row.batch]
            carry[0] = epoch(carry[0], jnp.asarray(order.reshape(steps, row.batch).astype(np.int32)))
        jax.block_until_ready(carry[0])

    return run


def with_sklearn(row: Row, X: np.ndarray, y: np.ndarray) -> Epoch:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        row.sizes[1:-1], activation="logistic" if row.activation == "sigmoid" else "relu", solver=row.optimizer,
        alpha=0.0, batch_size=row.batch, learning_rate_init=0.01 if row.optimizer == "sgd" else 0.001, momentum=0.0,
        nesterovs_momentum=False, max_iter=row.repeats, n_iter_no_change=10_000,
    )  # fmt: skip
    return lambda: model.fit(X, y)


PEERS = {"torch": with_torch, "jax": with_jax, "sklearn": with_sklearn}
PACKAGES = {"torch": "PyTorch", "jax": "JAX jit(scan)", "sklearn": "scikit-learn"}


def timed(run: Epoch) -> float:
    time.sleep(0.2)  # threads of the library before stop spinning
    start = time.perf_counter()
    seconds = run()
    return seconds if isinstance(seconds, float) else time.perf_counter() - start


def measure(row: Row, peers: list[str], rounds: int) -> dict[str, object]:
    X, y = make_data(row)
    runs: dict[str, Epoch] = {"fastnet": with_fastnet(row, X, y), "one thread": with_fastnet(row, X, y, 1)}
    runs |= {name: PEERS[name](row, X, y) for name in peers}
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    fractions = []
    for i in range(rounds):
        for name in list(runs) if i % 2 == 0 else list(runs)[::-1]:
            before = fma_peak(row.dtype, seconds=0.03) if name == "fastnet" else 0.0
            times[name].append(timed(runs[name]))
            if name == "fastnet":
                peak = (before + fma_peak(row.dtype, seconds=0.03)) / 2
                fractions.append(row.flop / times[name][-1] / 1e9 / peak)
    ratios = {name: [b / a for a, b in zip(times["fastnet"], times[name], strict=True)] for name in runs}
    return {"row": row, "times": times, "fractions": fractions, "ratios": ratios}


def spread(values: list[float], form: str) -> str:
    low, middle, high = (format(v, form) for v in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}-{high})"


def as_markdown(result: dict[str, object], peers: list[str]) -> str:
    row, times, ratios = result["row"], result["times"], result["ratios"]
    cells = [
        row.name,
        f"{statistics.median(times['fastnet']) / row.repeats * 1e3:.1f}",
        spread(result["fractions"], ".2f"),
    ]
    cells += [spread(ratios[name], ".1f") for name in peers]
    cells.append(spread(ratios["one thread"], ".2f"))
    return "| " + " | ".join(cells) + " |"


def heading(peers: list[str]) -> str:
    names = [
        "network",
        "ms an epoch",
        "fraction of peak",
        *(f"{PACKAGES[p]} / fastnet" for p in peers),
        "1 thread / all",
    ]
    return "| " + " | ".join(names) + " |\n|" + "---|" * len(names)


def versions(peers: list[str]) -> str:
    names = {"torch": "torch", "jax": "jax", "sklearn": "scikit-learn"}
    packages = ["numpy", "numba", *(names[peer] for peer in peers)]
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)


def one_row(peers: list[str], rounds: int) -> str:
    """Time the whole call that gives the class of one sample, checked array in, label out."""
    rng = np.random.default_rng(0)
    network = fastnet.Network([784, 128, 10], seed=0)
    x = rng.random(784, dtype=np.float32)
    (W1, W2), (b1, b2) = network.weights, network.biases
    predictor = fastnet.Predictor(network)
    calls: dict[str, Epoch] = {
        "fastnet": lambda: predictor(x),
        "NumPy": lambda: int((np.maximum(x @ W1 + b1, 0) @ W2 + b2).argmax()),
    }
    if "torch" in peers:
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)).eval()
        sample = torch.from_numpy(x)

        def with_torch() -> int:
            with torch.inference_mode():
                return int(model(sample).argmax())

        calls["PyTorch"] = with_torch
    if "sklearn" in peers:
        from sklearn.neural_network import MLPClassifier

        fitted = MLPClassifier((128,), max_iter=1).fit(rng.random((200, 784), dtype=np.float32), np.arange(200) % 10)
        calls["scikit-learn"] = lambda: fitted.predict(x[None])
    best = dict.fromkeys(calls, np.inf)
    for _ in range(20 * rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(50):
                call()
            best[name] = min(best[name], (time.perf_counter() - start) / 50)
    figures = ", ".join(f"{name} {seconds * 1e6:.1f} us" for name, seconds in best.items())
    return f"One row of 784-128-10, a call from array to class, best of {20 * rounds} runs of 50: {figures}."


def many_rows(rounds: int) -> str:
    """Time inference of 60,000 rows."""
    from fastnet.kernels import predict_logits

    network = fastnet.Network([784, 512, 512, 10], seed=0)
    X = np.random.default_rng(0).random((60_000, 784), dtype=np.float32)
    flop = 2 * len(X) * sum(a * b for a, b in pairwise(network.sizes))
    fractions = []
    for _ in range(2 * rounds):
        before = fma_peak(seconds=0.03)
        seconds = timed(lambda: predict_logits(network.parameters, X, network.sizes, network.activations))
        fractions.append(flop / seconds / 1e9 / ((before + fma_peak(seconds=0.03)) / 2))
    return f"Inference of 60,000 rows of 784-512-512-10: {spread(fractions, '.2f')} of the peak."


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", nargs="*", type=int, help="indices into the table; all if not given")
    parser.add_argument("--extra", action="store_true", help="odd, deep and narrow networks, batches of 1 to 4096")
    parser.add_argument("--markdown", type=Path, help="write the table here")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    warnings.simplefilter("ignore")
    peers = [peer for peer in args.peers if importlib.util.find_spec(peer)]
    missing = [peer for peer in args.peers if peer not in peers]
    table = ROWS + (EXTRA_ROWS if args.extra else [])
    machine = (
        f"{platform.machine()} {cpu_name()}, {vector_bits()}-bit vectors, {available_cores()} threads; Python "
        f"{platform.python_version()}, {versions(peers)}; {datetime.date.today()}; {args.rounds} rounds"
    )
    print(machine + (f"; not installed: {', '.join(missing)}" if missing else ""))
    lines = [heading(peers)]
    print(lines[0])
    for i, row in enumerate(table):
        if args.rows is None or i in args.rows:
            lines.append(as_markdown(measure(row, peers, args.rounds), peers))
            print(lines[-1], flush=True)
    lines += ["", one_row(peers, args.rounds), "", many_rows(args.rounds)]
    print("\n".join(lines[-3:]))
    if args.markdown:
        text = " ".join(__doc__.split("\n\n", 2)[2].split())
        args.markdown.parent.mkdir(parents=True, exist_ok=True)
        args.markdown.write_text(
            f"# Performance\n\nWritten by `python benchmarks/peers.py`; not edited by hand.\n\n{machine}.\n\n{text}\n\n"
            + "\n".join(lines) + "\n"
        )  # fmt: skip


if __name__ == "__main__":
    main()
