"""Models: a network and what is needed to use it; files that keep it, and other libraries' models of the same kind.

`document` says what a file holds and checks it, `files` reads and writes; one module for each foreign format.
"""

from fastnet.models.files import load_model, save_model
from fastnet.models.keras import from_keras
from fastnet.models.model import Model
from fastnet.models.onnx import export_onnx
from fastnet.models.pytorch import from_pytorch, load_pytorch, save_pytorch, to_pytorch
from fastnet.models.sklearn import from_sklearn, to_sklearn

__all__ = [
    "Model",
    "export_onnx",
    "from_keras",
    "from_pytorch",
    "from_sklearn",
    "load_model",
    "load_pytorch",
    "save_model",
    "save_pytorch",
    "to_pytorch",
    "to_sklearn",
]
