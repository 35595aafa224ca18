import json
import subprocess
import sys

import numpy as np
import pytest

from fastnet.compiler.policy import kernel
from fastnet.kernels.codegen.denormals import flush, restore
from fastnet.measure import roofline
from fastnet.measure.profile import profile, step_flop
from fastnet.measure.roofline import L2_BYTES, fma_peak, read_bandwidth


@kernel
def halve(x, flushed):
    """Halve x, with denormals taken as zero or not, and then once more as the caller would."""
    inside = x[0]
    if flushed:
        state = flush()
        inside = x[0] * x[1]
        restore(state)
    else:
        inside = x[0] * x[1]
    return inside, x[0] * x[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_denormals_are_zero_where_flushed_and_the_state_comes_back(dtype):
    x = np.array([np.finfo(dtype).smallest_normal, 0.5], dtype)
    expected = x[0] * x[1]
    assert expected > 0
    assert halve(x, False) == (expected, expected)
    assert halve(x, True) == (0, expected)
    assert x[0] * x[1] == expected


def test_peaks_are_rates_that_a_processor_can_have():
    single, double = fma_peak(np.float32, 1), fma_peak(np.float64, 1)
    assert 0.1 < double < single < 2000


def test_peak_of_another_dtype_is_an_error():
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got float16"):
        fma_peak(np.float16)


def test_caches_are_read_at_rates_that_a_processor_can_have():
    assert 0.5 < read_bandwidth(16 * 1024 * 1024, 1, 0.02) < 5000
    assert 0.5 < read_bandwidth(L2_BYTES, 2, 0.02) < 5000


def test_what_cannot_be_read_is_an_error():
    with pytest.raises(ValueError, match=r"size must be at least [0-9]+ bytes for 2 threads, got 100"):
        read_bandwidth(100, 2)
    with pytest.raises(TypeError, match="size must be an integer, got float"):
        read_bandwidth(1e6)


def test_the_roofline_is_printed_for_programs():
    command = [sys.executable, "-m", "fastnet.measure.roofline", "--json"]
    measured = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert tuple(measured) == roofline.Roofline._fields
    assert all(value > 0 for value in measured.values())


def test_the_roofline_is_printed_for_people(monkeypatch, capsys):
    monkeypatch.setattr(roofline, "roofline", lambda: roofline.Roofline(2, 123.4, 61.7, 250.0, 9.75))
    monkeypatch.setattr(sys, "argv", ["roofline"])
    roofline.main()
    assert [line.split()[-2:] for line in capsys.readouterr().out.splitlines()] == [
        ["threads", "2"], ["123.4", "GFLOP/s"], ["61.7", "GFLOP/s"], ["250.0", "GB/s"], ["9.8", "GB/s"],
    ]  # fmt: skip


def test_an_unknown_argument_of_the_roofline_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["roofline", "--fast"])
    with pytest.raises(SystemExit, match="2"):
        roofline.main()
    assert capsys.readouterr().err == "roofline: unknown argument --fast; there is only --json\n"


@pytest.mark.parametrize("batch_size", [16, 200, 600])
def test_phases_of_a_profile_sum_up_to_the_step(batch_size):
    result = profile([20, 30, 4], batch_size, n_threads=2, n_samples=600)
    assert sum(phase.microseconds for phase in result.phases) == pytest.approx(result.step_microseconds)
    by_name = {phase.name: phase for phase in result.phases}
    assert by_name["gather"].of_peak is None
    assert 0 < by_name["forward"].of_peak < 2
    assert result.n_threads == 2


def test_operations_of_a_step_are_counted_as_documented():
    assert step_flop([784, 128, 10]) == {
        "forward": 2 * (784 * 128 + 128 * 10), "backward": 2 * 128 * 10, "update": 2 * (784 * 128 + 128 * 10)
    }  # fmt: skip


def test_the_profile_prints_each_phase():
    command = [
        sys.executable,
        "-m",
        "fastnet.measure.profile",
        "--network",
        "8-16-4",
        "--batch-size",
        "8",
        "--samples",
        "64",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for words in ("8-16-4, batch 8, sgd, float32", "gather", "forward", "loss", "backward", "update", "of peak"):
        assert words in shown
