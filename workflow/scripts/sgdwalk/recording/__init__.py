"""A walk as it happens: positions become Gram matrices, and those a trajectory file."""
