"""What may go wrong between ranks, each by its name: a program for `mpiexec`."""

import contextlib
import os
import signal
import sys
import time

import numpy as np

import fastnet
from fastnet import Network, Trainer
from fastnet.distributed import agreement
from fastnet.distributed.connecting import world
from fastnet.training.checkpoints import save_checkpoint

X = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
Y = np.arange(64) % 3


def rank():
    return world().Get_rank()


def make(**options):
    settings = {"batch_size": 16, "seed": 0, "ranks": "mpi", "shards": 4, **options}
    return Trainer(Network([5, 4, 3], seed=settings.pop("network", 0)), backend="numpy", **settings)


def train_until(act):
    """Train, keep every epoch, and let something happen to rank 1 in the third."""
    trainer = make()

    def callback(epoch):
        save_checkpoint("run.checkpoint", trainer)
        if epoch.number == 3 and rank() == 1:
            act()

    trainer.fit(X, Y, epochs=100_000, callbacks=[callback])


def refused(**options):
    """Return what training with the other ranks is refused with."""
    own = {name: options.pop(name) for name in ("X", "y", "epochs", "validation", "patience") if name in options}
    try:
        make(**options).fit(**{"X": X, "y": Y, **own})
    except ValueError as error:
        return str(error)
    return "nothing"


def killed():
    train_until(lambda: os.kill(os.getpid(), signal.SIGKILL))


def raised():
    train_until(lambda: 1 / 0)


def caught():
    """Go on after an error, as if others were not waiting."""
    try:
        train_until(lambda: 1 / 0)
    except ZeroDivisionError:
        time.sleep(1000)


def stray():
    """Fail apart from training, while others wait for this rank."""
    trainer = make()
    if rank() == 1:
        raise RuntimeError("no such\nfile")
    trainer.fit(X, Y)


def differing():
    """Differ in one thing after another: all ranks are told, and may go on."""
    other = int(rank() == 1)
    print(refused(seed=other))
    print(refused(network=other))
    print(refused(shards=4 << other))
    print(refused(n_threads=None if other else 1))
    print(refused(X=X + other))
    print(refused(X=X[: 64 - 64 * other], y=Y[: 64 - 64 * other]))
    print(refused(y=np.roll(Y, other)))
    print(refused(epochs=2 + other))
    print(refused(seed=None))
    print(refused(validation=(X, Y), patience=2 if other else None))
    if rank() == 1:
        fastnet.__version__ = "0.0.0"
    print(refused())
    fastnet.__version__, own = "0.1.0", agreement.versions
    agreement.versions = lambda: {**own(), "numpy": f"9.{other}"}
    print(refused())


def unfit():
    """Ask for what this number of ranks cannot do."""
    print(refused(shards=2))
    print(refused(batch_size=2))
    print(refused())


if __name__ == "__main__":
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere if rank() else sys.stdout):
        globals()[sys.argv[1]]()
