"""One line that records a walk in the loops of other packages, each imported with its module alone.

They find the model, the optimizer and the losses; all else is `TrajectoryRecorder`'s.
"""
