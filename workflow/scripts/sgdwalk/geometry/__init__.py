"""The shape of a walk, the losses it meets, the memory of its steps, from Gram matrices."""
