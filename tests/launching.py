"""Starting ranks: `mpiexec` of the MPI beside mpi4py, with a limit of time, or a reason to skip."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

LIMIT = 120
"""Seconds after which ranks count as hung; they need a few, but for a machine that is busy otherwise."""

SHARED = {"OMPI_MCA_rmaps_base_oversubscribe": "1", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
"""Lets Open MPI start more ranks than there are processors; MPICH does so by itself."""


def mpiexec():
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def start_is_possible():
    if find_spec("mpi4py") is None or mpiexec() is None:
        return False
    try:
        done = subprocess.run([sys.executable, "-c", "from mpi4py import MPI"], capture_output=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


needs_mpi = pytest.mark.skipif(not start_is_possible(), reason="needs mpi4py, an MPI and its mpiexec")


def launch(*programs, folder, **variables):
    """Run programs, each on so many ranks, as one job: (n_ranks, argument, ...); return code, output and errors."""
    command = [mpiexec()]
    for n_ranks, *arguments in programs:
        command += [":"] * (len(command) > 1) + ["-n", str(n_ranks), sys.executable, *map(str, arguments)]
    # Names of sockets that ranks listen at have a limit of length, and temporary folders of tests long names.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "TMPDIR": tempfile.gettempdir(), **SHARED, **variables}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT, cwd=folder, env=environment, stdin=subprocess.DEVNULL
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr
