"""Record a loop of one's own, and say how its walk diffuses."""

import torch
from torch import nn

from sgdwalk import Trajectory, TrajectoryRecorder, analyse_diffusion

torch.manual_seed(0)
inputs, labels = torch.randn(512, 20), torch.randint(3, (512,))
model = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

with TrajectoryRecorder(model, "trajectory.h5", window=1000) as recorder:
    for _ in range(2000):
        chosen = torch.randint(512, (32,))
        loss = nn.functional.cross_entropy(model(inputs[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        recorder.record(loss, samples=32)  # the position at which this loss was evaluated
        optimizer.step()

for window in Trajectory("trajectory.h5").windows:
    print(f"steps {window.start} to {window.start + window.length}")
    for regime in analyse_diffusion(window.gram, window.stride, start=window.start).regimes:
        exponent = regime.exponent
        print(
            f"  lags {regime.first_lag:.0f} to {regime.last_lag:.0f}: "
            f"MSD ~ lag^{exponent.value:.2f}, "
            f"95 % interval {exponent.low:.2f} to {exponent.high:.2f}"
        )
