"""Minibatch losses and gradients at fixed weights, and the floor they set for loss differences."""
