"""How fastnet, NumPy, scikit-learn, PyTorch and JAX train the same workload, behind one protocol.

Everyone trains the same layers with plain SGD or Adam on the same data, which lies in memory as the library wants it:
no loader and no conversion. Every epoch visits all samples in a new order, in batches of the same size, and as many
threads work as were asked for. Compilation is kept apart (`Run.warm_up`). Where a library differs, its module says so.
"""

from fastnet.measure.peers import jax_scan, own, pytorch, scikit_learn
from fastnet.measure.peers.protocol import LEARNING_RATES, Peer, Run, Task, Unavailable

PEERS: dict[str, Peer] = {
    peer.key: peer
    for peer in (
        Peer("fastnet", "fastnet", "fastnet", "fastnet", own.FastnetRun),
        Peer("fastnet1", "fastnet, 1 thread", "fastnet", "fastnet", own.OneThreadRun),
        Peer("numpy", "numpy backend", "numpy", "numpy", own.ReferenceRun),
        Peer("sklearn", "scikit-learn", "sklearn", "scikit-learn", scikit_learn.MLPRun),
        Peer("torch", "PyTorch", "torch", "torch", pytorch.EagerRun),
        Peer("torch-compile", "PyTorch compiled", "torch", "torch", pytorch.CompiledRun),
        Peer("jax", "JAX", "jax", "jax", jax_scan.ScanRun),
    )
}
"""By the name that the command line knows."""

__all__ = ["LEARNING_RATES", "PEERS", "Peer", "Run", "Task", "Unavailable"]
