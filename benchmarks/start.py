"""What is paid before anything is computed: imports, and the first call of an operation on a new machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

FIRST_CALL = """
import sys, time
from fastnet import kernels
from fastnet.measure.suites.operations import realistic_cases
from fastnet.measure.cases import run
case = realistic_cases([sys.argv[1]])[0]
arguments = case.arguments("float32")
start = time.perf_counter()
run(kernels, case, arguments)
print(time.perf_counter() - start)
"""


class Import:
    """Seconds of an import in a new process."""

    number = 1
    repeat = (3, 10, 10.0)

    def timeraw_fastnet(self) -> str:
        return "import fastnet"

    def timeraw_trainer(self) -> str:
        return "from fastnet import Trainer"

    def timeraw_kernels(self) -> str:
        return "import fastnet.kernels"

    def timeraw_command_line(self) -> str:
        return "import fastnet.cli"


class FirstCall:
    """Seconds to compile a layer, inference and training, with nothing in the cache."""

    param_names = ("operation",)
    params = (["linear_relu_forward", "predict_logits", "train_epoch"],)
    timeout = 300

    def track_compile_time(self, operation: str) -> float:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", FIRST_CALL, operation]
            environment = {**os.environ, "FASTNET_CACHE_DIR": folder}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return round(float(done.stdout), 3)

    track_compile_time.unit = "seconds"
