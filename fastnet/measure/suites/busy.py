"""Company for a measurement: processes that only compute, beside which everything else has to share the processors."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType

from fastnet.validation import training as training_checks

# Standard input ends when the process that began this one does, however it does. What waits for that holds no lock, so
# the loop is never interrupted for it. Ctrl-C reaches every process of a terminal, but it is not what ends these.
WORK = """
import os, signal, sys, threading

def follow():
    sys.stdin.buffer.read()
    os._exit(0)

def compute(count):
    x = 1
    for _ in range(count):
        x = (69069 * x + 1) & 0xFFFFFFFF

signal.signal(signal.SIGINT, signal.SIG_IGN)
threading.Thread(target=follow, daemon=True).start()
compute(100_000)
os.write(1, b".")
while True:
    compute(1 << 30)
"""


class Busy:
    """Processes that compute while a `with` block runs, and end with it.

    They are in the session of this process and have its priority and processors, so that a scheduler shares those
    between it and them as between any programs of one user. All compute when the block begins. They end with this
    process too, whatever ends it.

    Parameters
    ----------
    n : int
        How many; may be 0.

    Attributes
    ----------
    processes : list of subprocess.Popen
        Those that were started.
    lost : list of int
        Exit codes of those that had ended before they were told to; known after the block.

    Raises
    ------
    TypeError, ValueError
        For a number that cannot be.
    ChildProcessError
        When the block begins, if a process ends instead of computing.

    Examples
    --------
    >>> with Busy(1) as busy:
    ...     len(busy.processes)
    1
    >>> busy.lost
    []
    """

    def __init__(self, n: int) -> None:
        training_checks.whole("n", n, 0)
        self._n = int(n)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.lost: list[int] = []

    def __enter__(self) -> Busy:
        """Start the processes and wait until all of them compute."""
        try:
            for _ in range(self._n):
                self.processes.append(_started())
            for process in self.processes:
                assert process.stdout is not None
                if not process.stdout.read(1):
                    code = process.wait()
                    raise ChildProcessError(f"a process that should compute ended with exit code {code} instead")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note which processes are gone, and end the others."""
        self.lost = [code for process in self.processes if (code := process.poll()) is not None]
        self._end()

    def doubts(self) -> list[str]:
        """Say, after the block, if what was measured in it had less company than it should have had."""
        if not self.lost:
            return []
        codes = ", ".join(map(str, self.lost))
        return [f"{len(self.lost)} of {self._n} busy processes ended before the measurement did (exit code {codes})"]

    def _end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.communicate()  # waits, and closes the pipes


def _started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", "-c", WORK]
    return subprocess.Popen(
        command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
