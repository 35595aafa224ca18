"""Pictures of data, training and models, drawn by matplotlib (extra `plot`), which is imported only here.

Every function returns a matplotlib `Figure` that belongs to no window and to no state of pyplot: keep it with
`save` or `figure.savefig`, or let a notebook show it.
"""

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as error:
    raise ImportError("fastnet.plots needs matplotlib, which `pip install 'fastnet[plot]'` brings") from error

from fastnet.plots._confusion import confusion
from fastnet.plots._figure import save
from fastnet.plots._samples import digit, mistakes, samples
from fastnet.plots._training import curves, lr_finder
from fastnet.plots._weights import weights

__all__ = ["confusion", "curves", "digit", "lr_finder", "mistakes", "samples", "save", "weights"]
