"""What files are by their first bytes."""

import pickle

import numpy as np
import pytest

from fastnet import Model, Network, load_model, save_model
from fastnet.validation.contents import foreign_kind


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [{"a": 1}, [1.5] * 999, {}, "{" * 300])
def test_pickles_of_all_protocols_are_told(protocol, value):
    assert "a pickle" in foreign_kind(pickle.dumps(value, protocol))


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580, 0x5A4200 + ord("B")])
def test_no_length_of_a_header_makes_safetensors_something_else(length):
    assert foreign_kind(length.to_bytes(8, "little") + b'{"__metadata__":{}}') is None


def test_a_model_whose_header_is_as_long_as_a_pickle_begins_is_read(tmp_path):
    path, network = tmp_path / "model.safetensors", Network([2, 3], seed=0)
    for padding in range(100):
        save_model(path, Model(network, settings={"note": "x" * (300 + 8 * padding)}))
        if path.read_bytes()[:2] == b"\x80\5":
            break
    else:
        pytest.fail("no header of 1,408 bytes")
    np.testing.assert_array_equal(load_model(path).network.parameters, network.parameters)
