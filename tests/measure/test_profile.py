"""`python -m fastnet.measure.profile`."""

import sys

import pytest

from fastnet.measure import profile


def test_the_phases_of_a_step_are_printed_and_add_up_to_it(monkeypatch, capsys):
    words = ["--network", "12-8-3", "--batch-size", "16", "--samples", "200", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["profile", *words])
    profile.main()
    head, *phases, step = capsys.readouterr().out.splitlines()
    assert head.startswith("12-8-3, batch 16, sgd, float32, 1 threads; FMA peak ")
    assert {"forward", "backward", "update"} <= {line.split()[0] for line in phases}
    assert step.split()[0] == "step"
    assert sum(float(line[18:28]) for line in phases) == pytest.approx(float(step[18:28]), abs=0.1 * len(phases))
