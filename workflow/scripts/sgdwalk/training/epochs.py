"""How many minibatches an epoch has, and how large its last one is; a plan can count them too.

With replacement there are no passes over the training set: an epoch is then as many steps as a pass
would take, all of full size.
"""

from __future__ import annotations

SAMPLINGS = ("epochs", "replacement")


def steps_per_epoch(samples: int, size: int, drop_last: bool) -> int:
    """Minibatches of a pass over the training set; 0 if not even one is full and all must be.

    Args:
        samples: of the training set.
        size: samples per batch.
        drop_last: whether a last batch that is smaller than the others is left out.
    """
    return samples // size if drop_last else -(-samples // size)


def last_batch_size(samples: int, size: int, drop_last: bool, sampling: str) -> int:
    """Samples in the last minibatch of an epoch.

    Args:
        samples: of the training set.
        size: samples per batch, at most those of the training set.
        drop_last: whether a last batch that is smaller than the others is left out.
        sampling: one of `SAMPLINGS`.
    """
    full = drop_last or sampling == "replacement"
    return size if full else samples % size or size
