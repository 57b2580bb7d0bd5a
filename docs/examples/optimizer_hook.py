"""Record by the optimizer's own steps: gradient accumulation, autocast, and a gradient scaler."""

import torch
from torch import nn

from sgdwalk import Trajectory, TrajectoryRecorder, analyse_diffusion

torch.manual_seed(0)
inputs, labels = torch.randn(512, 20), torch.randint(3, (512,))
model = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu")

with TrajectoryRecorder(model, "trajectory.h5", window=500, optimizer=optimizer) as recorder:
    for minibatch in range(2000):
        chosen = torch.randint(512, (16,))
        with torch.autocast("cpu", torch.bfloat16):
            loss = nn.functional.cross_entropy(model(inputs[chosen]), labels[chosen])
        scaler.scale(loss / 4).backward()
        recorder.loss(loss, samples=16)  # undivided: the step's is the mean over its minibatches
        if minibatch % 4 == 3:
            scaler.step(optimizer)  # is recorded, unless the scaler skips it
            scaler.update()
            optimizer.zero_grad()

trajectory = Trajectory("trajectory.h5")
(window,) = trajectory.windows
print(f"{trajectory.steps} steps, loss of the last 50: {trajectory.loss[-50:].mean():.3f}")
for regime in analyse_diffusion(window.gram, window.stride).regimes:
    exponent = regime.exponent
    print(
        f"lags {regime.first_lag:.0f} to {regime.last_lag:.0f}: MSD ~ lag^{exponent.value:.2f}, "
        f"95 % interval {exponent.low:.2f} to {exponent.high:.2f}"
    )
