"""The bits of 2 and 4 ranks are those of one process; checkpoints go from any number of ranks to any other."""

import json
import shutil
from pathlib import Path

from launching import launch, needs_mpi
from mpi_runs import all_runs, checkpointed

PROGRAM = Path(__file__).parents[1] / "mpi_runs.py"

pytestmark = needs_mpi


def as_json(value):
    return json.loads(json.dumps(value))


def trained(folder):
    """Train by 4 ranks and then by 2, which go on from a checkpoint of the 4; a copy of that is left."""
    found = {}
    for n_ranks in (4, 2):
        code, output, errors = launch((n_ranks, PROGRAM, folder), folder=folder)
        assert (code, errors) == (0, "")
        found[n_ranks] = json.loads(output)
        if n_ranks == 4:
            shutil.copy(folder / "run.checkpoint", folder / "copy.checkpoint")
    return found


def test_ranks_have_the_bits_of_one_process_and_go_on_from_each_others_checkpoints(tmp_path):
    found = trained(tmp_path)
    expected = as_json(all_runs(None))
    for one in found.values():
        assert {name: one[name] for name in expected} == expected
    digest, metrics = found[4]["whole"]
    rest = [digest, [values[2:] for values in metrics]]
    assert found[2]["resumed"] == rest
    assert as_json(checkpointed(None, tmp_path / "copy.checkpoint", False)) == rest
