"""A callback of chunks alone."""

from fastnet.training.callbacks import Callback


class ChunkEnd(Callback):
    """Call a function with the samples done and those in all."""

    def __init__(self, function):
        self.function = function

    def on_chunk_end(self, model, n_done, n_samples):
        return self.function(n_done, n_samples)
