"""Minibatches: what they were before there was a choice, full ones alone, and with replacement."""

import hashlib
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from sgdwalk.datasets.load import load_dataset
from sgdwalk.errors import InputError
from sgdwalk.training.batches import Batches
from sgdwalk.training.epochs import last_batch_size, steps_per_epoch
from sgdwalk.training.initial_run import initial_run
from sgdwalk.training.loop import train
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import training_batches

CPU = torch.device("cpu")
CHOICES = [
    {},
    {"drop_last": True},
    {"sampling": "replacement"},
    {"sampling": "replacement", "drop_last": True},
]
every_choice = pytest.mark.parametrize("choice", CHOICES, ids=["epochs", "full", "drawn", "both"])


def batches(samples, size, seed=0, **choice):
    """Labels say which sample it is."""
    return Batches(torch.zeros(samples, 1), torch.arange(samples), size, seed, **choice)


def chosen(found, steps):
    """Indices of the samples of each step."""
    return [found.at(step)[1].tolist() for step in steps]


# Hashes of the samples of the first 40 steps, made when passes with a ragged last batch were all
# there was: runs of then are resumed, and their files kept, because these are still the same.
@pytest.mark.parametrize(
    ("samples", "size", "seed", "expected"),
    [
        (1437, 128, 0, "4c569535eabd6579"),
        (1437, 64, 7, "8d53dd8843f9fdf1"),
        (50, 16, 1, "b5f1bb18e27b1d63"),
    ],
)
def test_batches_of_the_default_settings_are_those_of_earlier_versions(
    samples, size, seed, expected
):
    digest = hashlib.sha256()
    for each in chosen(batches(samples, size, seed), range(40)):
        digest.update(np.array(each, "<i8").tobytes())
    assert digest.hexdigest()[:16] == expected


def test_an_epoch_is_a_pass_with_a_ragged_last_batch():
    found = batches(1437, 128)
    assert found.per_epoch == 12
    for epoch in (0, 3):
        seen = chosen(found, range(12 * epoch, 12 * epoch + 12))
        assert [len(batch) for batch in seen] == [128] * 11 + [29]
        assert sorted(chain(*seen)) == list(range(1437))


def test_without_its_last_batch_an_epoch_is_full_batches_that_share_no_sample():
    found, ragged = batches(1437, 128, drop_last=True), batches(1437, 128)
    assert found.per_epoch == 11
    passes = [chosen(found, range(11 * epoch, 11 * epoch + 11)) for epoch in range(4)]
    for epoch, seen in enumerate(passes):
        assert [len(batch) for batch in seen] == [128] * 11
        assert len(set(chain(*seen))) == 11 * 128
        assert seen == chosen(ragged, range(12 * epoch, 12 * epoch + 11))  # of the same shuffle
    left_out = [set(range(1437)) - set(chain(*seen)) for seen in passes]
    assert all(a != b for a, b in pairwise(left_out))


def test_nothing_is_left_out_where_the_batch_size_divides_the_training_set():
    found = batches(96, 32, drop_last=True)
    assert found.per_epoch == 3
    assert chosen(found, range(9)) == chosen(batches(96, 32), range(9))


def test_with_replacement_samples_are_uniform():
    samples, size, steps = 60, 20, 600
    counts = np.bincount(
        np.concatenate(chosen(batches(samples, size, sampling="replacement"), range(steps))),
        minlength=samples,
    )
    assert counts.sum() == size * steps
    assert stats.chisquare(counts).pvalue > 0.01


def test_with_replacement_batches_are_independent_within_and_between():
    """Equal pairs are as many as of numbers drawn independently; shuffles have none in a pass."""
    samples, size, steps = 60, 20, 600
    seen = np.array(chosen(batches(samples, size, sampling="replacement"), range(steps)))
    within = np.mean([size - len(set(row)) for row in seen.tolist()])
    expected = size - samples * (1 - (1 - 1 / samples) ** size)
    assert within == pytest.approx(expected, rel=0.05)
    # pairs of neighbouring batches, of which each is equal with probability 1 / samples
    between = [(a[:, None] == b).sum() for a, b in pairwise(seen)]
    pairs = size**2 * (steps - 1)
    error = np.sqrt(pairs / samples)
    assert abs(np.sum(between) - pairs / samples) < 4 * error
    # a sample's count in one batch says nothing of that in the next
    count = np.array([np.bincount(row, minlength=samples) for row in seen], float)
    count -= count.mean(axis=0)
    correlation = (count[1:] * count[:-1]).mean() / count.var()
    assert abs(correlation) < 4 / np.sqrt(count[1:].size)


@pytest.mark.parametrize(("drop_last", "per_epoch"), [(False, 12), (True, 11)])
def test_with_replacement_all_batches_are_full_and_an_epoch_is_as_long_as_a_pass(
    drop_last, per_epoch
):
    found = batches(1437, 128, sampling="replacement", drop_last=drop_last)
    assert found.per_epoch == per_epoch
    assert {len(batch) for batch in chosen(found, range(30))} == {128}
    # the length of an epoch decides nothing else
    assert chosen(found, range(30)) == chosen(batches(1437, 128, sampling="replacement"), range(30))


@every_choice
def test_a_batch_is_a_function_of_seed_and_step(choice):
    data = load_dataset("digits")
    settings = TrainingSettings("fc3", "digits", 128, 0.1, 100, 5, True, **choice)
    found, again = (training_batches(data, settings, CPU) for _ in range(2))
    steps = [0, 11, 12, 40, 11, 3, 0]
    ahead = {step: again.at(step) for step in sorted(steps, reverse=True)}
    for step in steps:
        for one, other in zip(found.at(step), ahead[step], strict=True):
            assert torch.equal(one, other)
    other = training_batches(data, settings, CPU, seed=6)
    assert not torch.equal(found.at(0)[1], other.at(0)[1])
    assert not torch.equal(found.at(0)[1], found.at(1)[1])


@every_choice
def test_a_batch_larger_than_the_training_set_is_refused(choice):
    with pytest.raises(InputError, match="batch_size: 11; allowed: 1 to the 10 training samples"):
        batches(10, 11, **choice)
    assert batches(10, 10, **choice).per_epoch == 1


def test_an_unknown_sampling_is_refused():
    with pytest.raises(InputError, match="sampling: 'bootstrap'; allowed: epochs, replacement"):
        batches(10, 5, sampling="bootstrap")


@pytest.mark.parametrize(
    ("samples", "size", "drop_last", "sampling", "steps", "last"),
    [
        (300, 80, False, "epochs", 4, 60),
        (300, 80, True, "epochs", 3, 80),
        (300, 80, False, "replacement", 4, 80),
        (300, 80, True, "replacement", 3, 80),
        (300, 100, False, "epochs", 3, 100),
        (300, 100, True, "epochs", 3, 100),
        (300, 300, True, "epochs", 1, 300),
    ],
)
def test_steps_of_an_epoch_and_its_last_batch(samples, size, drop_last, sampling, steps, last):
    assert steps_per_epoch(samples, size, drop_last) == steps
    assert last_batch_size(samples, size, drop_last, sampling) == last
    found = batches(samples, size, drop_last=drop_last, sampling=sampling)
    assert found.per_epoch == steps
    assert len(found.at(steps - 1)[1]) == last


@every_choice
def test_the_loop_ends_its_epochs_with_the_batches_and_tells_their_sizes(choice):
    data = load_dataset("digits")
    settings = TrainingSettings("fc1", "digits", 500, 0.1, 7, 0, False, **choice)
    run = initial_run(data, settings, CPU)
    told, ends = [], []

    class Told:
        def record(self, loss, samples):
            told.append(samples)

        def record_epoch(self, **values):
            ends.append(len(told))

    train(run, 7, Told())
    assert ends == ([2, 4, 6] if choice.get("drop_last") else [3, 6])
    assert told == ([500, 500, 437, 500, 500, 437, 500] if not choice else [500] * 7)
