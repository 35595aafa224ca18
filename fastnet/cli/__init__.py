"""The command line: `fastnet train`, `predict`, `evaluate` and `info`.

Commands import what they need when they run, so that help and errors of usage come at once.
"""

from fastnet.cli.application import main

__all__ = ["main"]
