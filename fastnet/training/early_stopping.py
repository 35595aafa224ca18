"""Early stopping: the best parameters so far, and how long ago that was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from fastnet.training.history import Epoch


@dataclass
class Best:
    """Parameters at the least validation loss, and how many figures have been taken since."""

    loss: float = math.inf
    stalled: int = 0
    parameters: npt.NDArray[Any] | None = None

    def note(self, epoch: Epoch, parameters: npt.NDArray[Any]) -> None:
        """Keep the parameters if their validation loss is the least, else count."""
        assert epoch.validation is not None
        if epoch.validation.loss < self.loss:
            self.loss, self.stalled, self.parameters = epoch.validation.loss, 0, parameters.copy()
        else:
            self.stalled += 1
