"""Training in shards in one process: the sums, the options, what is refused."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from fastnet import SGD, Adam, AdamW, Network, Trainer, TrainingSettings
from fastnet.distributed import shards
from fastnet.distributed.ranks import pieces_of, rounds_of
from fastnet.training.lr_finder import find_lr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 12)).astype(np.float32)
Y = RNG.integers(0, 4, 203)
WEIGHTS = np.where(np.arange(203) < 40, 0.0, RNG.random(203))


def trainer(backend="numpy", **options):
    settings = {"batch_size": 50, "seed": 0, "n_threads": 1, "loss": "cross_entropy", **options}
    sizes = settings.pop("sizes", [12, 9, 4])
    dtype = settings.pop("dtype", np.float32)
    return Trainer(Network(sizes, seed=0, dtype=dtype), backend=backend, **settings)


def digest(one):
    vectors = [one.network.parameters, *one.state.vectors.values()]
    return hashlib.sha256(b"".join(vector.tobytes() for vector in vectors)).hexdigest()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"optimizer": Adam()}, None),
        ({"optimizer": SGD(0.1), "l2": 0.5, "clip_norm": 0.3, "clip_value": 0.05}, WEIGHTS),
        ({"optimizer": AdamW(), "l2": 0.5, "loss": ("cross_entropy", 0.1), "schedule": "cosine"}, None),
        ({"optimizer": SGD(0.1, 0.9, True), "loss": "softmax_squared_error", "sampling": "replacement"}, WEIGHTS),
    ],
)
def test_shards_train_as_whole_batches_do(backend, options, weights):
    """But for rounding; the last batch of an epoch has 3 samples, so that shards of it are empty."""
    runs = []
    for count in (None, 1, 8):
        one = trainer(backend, **options, shards=count, dtype=np.float64)
        history = one.fit(X, Y, validation=(X, Y), epochs=3, sample_weight=weights)
        metrics = history.loss, history.accuracy, history.validation_loss, history.validation_accuracy
        runs.append([one.network.parameters, *one.state.vectors.values(), *map(np.array, metrics)])
    for actual in runs[1:]:
        for expected, value in zip(runs[0], actual, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


def test_masks_of_shards_differ_and_do_not_depend_on_the_backend():
    """One shard has the masks of the whole batch; of eight equal shards, no two have the same."""
    whole, one, eight = (trainer(dropout=0.5, shards=count, dtype=np.float64) for count in (None, 1, 8))
    compiled = trainer("numba", dropout=0.5, shards=8, dtype=np.float64)
    X8, y8 = np.tile(X[:1], (48, 1)), np.tile(Y[:1], 48)
    for each in (whole, one, eight, compiled):
        each.fit(X8, y8, steps=3)
    np.testing.assert_allclose(one.network.parameters, whole.network.parameters, rtol=1e-9)
    np.testing.assert_allclose(compiled.network.parameters, eight.network.parameters, rtol=1e-9)
    assert not np.allclose(eight.network.parameters, whole.network.parameters)


def test_targets_of_several_outputs_are_counted_entry_by_entry():
    targets = (X[:, :4] > 0).astype(np.float32)
    histories = [
        trainer(loss="binary_cross_entropy", shards=count).fit(X, targets, validation=(X, targets), epochs=2)
        for count in (None, 4)
    ]
    assert histories[0].validation_accuracy == histories[1].validation_accuracy
    assert histories[0].accuracy == histories[1].accuracy


def test_without_shards_nothing_has_changed():
    assert TrainingSettings().shards is None
    assert trainer().rank == 0


def test_threads_and_cuts_of_a_run_change_no_bit():
    whole, cut = (trainer("numba", shards=4, n_threads=threads, dropout=0.2) for threads in (1, 2))
    whole.fit(X, Y, epochs=4)
    cut.fit(X, Y, epochs=2)
    cut.fit(X, Y, epochs=4, resume=True)
    assert digest(whole) == digest(cut)


@pytest.mark.parametrize("count", [0, 3, 12, -8])
def test_shards_that_are_no_power_of_two_are_refused(count):
    with pytest.raises(ValueError, match=r"shards must be (a power of two|at least 1), got"):
        TrainingSettings(shards=count)


def test_wrong_types_and_kinds_are_refused():
    with pytest.raises(TypeError, match="shards must be an integer"):
        TrainingSettings(shards=2.0)
    with pytest.raises(ValueError, match="ranks must be"):
        TrainingSettings(ranks="sockets")


def test_ranks_bring_shards():
    assert TrainingSettings(ranks="mpi").shards == shards.DEFAULT_SHARDS
    assert replace(TrainingSettings(ranks="mpi"), ranks=None).shards == shards.DEFAULT_SHARDS


def test_batches_of_fewer_samples_than_shards_are_refused():
    one = trainer(shards=8, batch_size=4)
    before = one.network.parameters.copy()
    with pytest.raises(ValueError, match=r"batch_size must be at least 8.*batches of 4"):
        one.fit(X, Y)
    assert (one.network.parameters == before).all()


def test_a_network_of_fewer_parameters_than_shards_trains():
    one = trainer(sizes=[1, 1], loss="squared_error", shards=8, batch_size=None)
    assert np.isfinite(one.fit(X[:, :1], X[:, 1]).loss).all()


def test_divergence_is_told():
    with pytest.raises(FloatingPointError, match="became infinite or NaN"), np.errstate(all="ignore"):
        trainer(optimizer=SGD(1e30), shards=4).fit(X, Y, epochs=20)


def test_the_range_test_goes_without_shards():
    assert find_lr(trainer(shards=4), X, (X[:, 0] > 0).astype(int), high=100.0).suggestion > 0


@pytest.mark.parametrize("n_ranks", [1, 2, 4, 8])
def test_ranks_are_left_with_all_pieces_once(n_ranks):
    pieces = [piece for rank in range(n_ranks) for piece in pieces_of(rank, n_ranks, 8)]
    assert sorted(pieces) == list(range(8))
    for rank in range(n_ranks):
        for other, kept, given in rounds_of(rank, n_ranks, 8):
            theirs = next(one for one in rounds_of(other, n_ranks, 8) if one.other == rank)
            assert (theirs.kept, theirs.given) == (given, kept)


def test_pieces_and_shards_cover_everything():
    for n in (0, 1, 7, 8, 9, 100):
        cuts = shards.bounds(n, 8)
        assert [first for first, _ in cuts[1:]] == [last for _, last in cuts[:-1]]
        assert (cuts[0][0], cuts[-1][1]) == (0, n)
        assert max(b - a for a, b in cuts) - min(b - a for a, b in cuts) <= 1
        assert shards.piece_bounds(n, 8)[-1] == n
