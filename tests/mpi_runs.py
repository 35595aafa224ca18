"""Trainings that ranks share, and one process does alone; as a program, it prints a digest of each on rank 0."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from fastnet import SGD, Adam, AdamW, Network, Trainer
from fastnet.training.checkpoints import load_checkpoint, save_checkpoint

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (203, 20)).astype(np.uint8)
Y = RNG.integers(0, 4, 203)
TARGETS = RNG.random((203, 4)).astype(np.float32)
WEIGHTS = np.where(np.arange(203) < 40, 0.0, RNG.random(203))

RUNS = {
    "adam": ({}, Y, None),
    "limits": ({"optimizer": SGD(0.1), "l2": 0.5, "clip_norm": 0.3, "clip_value": 0.05}, Y, WEIGHTS),
    "dropout": ({"optimizer": AdamW(), "dropout": 0.4, "loss": ("cross_entropy", 0.1)}, Y, None),
    "schedule": ({"optimizer": SGD(0.1, 0.9, True), "schedule": "cosine", "sampling": "replacement"}, Y, WEIGHTS),
    "values": ({"loss": "squared_error", "clip_norm": 0.1, "l2": 0.1}, TARGETS, None),
}


def make(backend, ranks, **options):
    network = Network([20, 9, 4], seed=0, input_scale=1 / 255)
    settings = {"optimizer": Adam(), "batch_size": 50, "seed": 0, "n_threads": 1, "shards": 8, **options}
    return Trainer(network, settings.pop("optimizer"), backend=backend, ranks=ranks, **settings)


def outcome(trainer, history):
    vectors = [trainer.network.parameters, *trainer.state.vectors.values()]
    metrics = [history.loss, history.accuracy, history.validation_loss, history.validation_accuracy]
    return [hashlib.sha256(b"".join(vector.tobytes() for vector in vectors)).hexdigest(), metrics]


def all_runs(ranks):
    found = {}
    for backend in ("numpy", "numba"):
        for name, (options, y, weights) in RUNS.items():
            trainer = make(backend, ranks, **options)
            history = trainer.fit(X, y, validation=(X[:37], y[:37]), epochs=3, sample_weight=weights)
            found[f"{backend} {name}"] = outcome(trainer, history)
    trainer = make("numpy", ranks, optimizer=SGD(1.0))
    found["patience"] = outcome(trainer, trainer.fit(X, Y, validation=(X[:37], Y[:37]), epochs=30, patience=2))
    return found


def checkpointed(ranks, path, begin):
    """Begin a run, and keep where it stands after two epochs; or go on with one to the end."""
    trainer = make("numba", ranks, dropout=0.2) if begin else load_checkpoint(path, ranks=ranks)[0]
    callbacks = [lambda epoch: epoch.number == 2 and save_checkpoint(path, trainer)]
    return outcome(trainer, trainer.fit(X, Y, (X[:9], Y[:9]), epochs=5, callbacks=callbacks, resume=not begin))


def main(folder):
    from mpi4py import MPI

    found, kept = all_runs("mpi"), Path(folder)
    if MPI.COMM_WORLD.size == 4:
        found["whole"] = checkpointed("mpi", kept / "run.checkpoint", True)
    else:
        found["resumed"] = checkpointed("mpi", kept / "run.checkpoint", False)
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
