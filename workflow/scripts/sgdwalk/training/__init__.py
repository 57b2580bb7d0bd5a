"""The loop that walks: its settings, minibatches, checkpoints, resume points and processes."""
