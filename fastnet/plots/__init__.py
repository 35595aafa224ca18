"""Pictures of data, training and models, drawn by matplotlib (extra `plot`), which is imported only here.

Every function returns a matplotlib `Figure` that belongs to no window and to no state of pyplot: keep it with
`save` or `figure.savefig`, or let a notebook show it.
"""

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as error:
    raise ImportError("fastnet.plots needs matplotlib, which `pip install matplotlib` brings") from error

from fastnet.plots.confusion_matrix import confusion
from fastnet.plots.figure import save
from fastnet.plots.inputs import digit, mistakes, samples
from fastnet.plots.training import curves, lr_finder
from fastnet.plots.weight_maps import weights

__all__ = ["confusion", "curves", "digit", "lr_finder", "mistakes", "samples", "save", "weights"]
