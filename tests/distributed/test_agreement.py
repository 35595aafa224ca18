"""What is compared between ranks, and what mapped files cost."""

import numpy as np
import pytest
from scipy import sparse

from fastnet import Network, Trainer
from fastnet.distributed import agreement
from fastnet.distributed.agreement import compare, describe, is_mapped
from fastnet.distributed.ranks import Alone


class Several:
    """Ranks that say something else than this one."""

    def __init__(self, *said):
        self.said, self.size = said, len(said) + 1

    def texts(self, own):
        return [own, *self.said]


def mapped(folder, values):
    np.save(folder / "values.npy", values)
    return np.load(folder / "values.npy", mmap_mode="r")


def test_mapped_files_are_not_copied(tmp_path):
    pixels = mapped(tmp_path, np.arange(4000, dtype=np.uint8).reshape(2000, 2))
    trainer = Trainer(Network([2, 3], seed=0), batch_size=16, shards=4, seed=0, backend="numpy")
    prepared = trainer.prepare(pixels, np.arange(2000) % 3)
    assert is_mapped(prepared.samples.X)
    whole = Trainer(Network([2, 3], seed=0), batch_size=16, shards=4, seed=0, backend="numpy")
    histories = [trainer.fit(prepared, epochs=1), whole.fit(np.array(pixels), np.arange(2000) % 3, epochs=1)]
    assert histories[0].loss == histories[1].loss


def test_of_a_mapped_file_some_rows_are_compared(tmp_path, monkeypatch):
    values = np.arange(300.0).reshape(100, 3)
    other = values.copy()
    other[1] = 0
    assert describe(values) != describe(other)
    monkeypatch.setattr(agreement, "ROWS", 2)
    assert describe(mapped(tmp_path, other)) == describe(mapped(tmp_path, values)), "the first and the last"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(3), np.zeros(3, np.float32)),
        (np.zeros((0, 3)), np.zeros((0, 4))),
        (np.array([0.0]), np.array([-0.0])),
        (sparse.csr_array(np.eye(3)), sparse.csr_array(np.fliplr(np.eye(3)))),
        ("x" * 200 + "a", "x" * 200 + "b"),
        (None, 0),
    ],
)
def test_what_differs_is_described_differently(one, other):
    assert describe(one) == describe(one)
    assert describe(one) != describe(other)


def test_a_function_is_described_by_its_name():
    assert describe(np.linspace) == "linspace"


def test_what_is_missing_on_a_rank_is_told():
    with pytest.raises(ValueError, match=r"ranks differ in b: 2 on rank 0; missing on ranks 1, 2"):
        compare(Several('{"a": "1"}', '{"a": "1"}'), {"a": 1, "b": 2})


def test_an_error_of_all_ranks_is_what_it_was_and_of_one_names_it():
    with pytest.raises(TypeError, match=r"^wrong$"), agreement.together(Several("wrong")):
        raise TypeError("wrong")
    with pytest.raises(ValueError, match=r"^rank 1: wrong$"), agreement.together(Several("wrong")):
        pass
    with pytest.raises(ValueError, match=r"^rank 0: wrong$"), agreement.together(Several("")):
        raise ValueError("wrong")
    with agreement.together(Alone(4)):
        pass
