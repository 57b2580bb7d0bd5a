"""Record an Accelerate loop: one line around it."""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sgdwalk import Trajectory, analyse_diffusion
from sgdwalk.integrations.accelerate import AccelerateRecorder

set_seed(0)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
model = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = TensorDataset(torch.randn(512, 20), torch.randint(3, (512,)))
batches = DataLoader(data, batch_size=16, shuffle=True)
model, optimizer, batches = accelerator.prepare(model, optimizer, batches)

with AccelerateRecorder(accelerator, model, optimizer, "trajectory.h5", window=480):
    for _ in range(30):
        for inputs, labels in batches:
            with accelerator.accumulate(model):
                loss = nn.functional.cross_entropy(model(inputs), labels)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()

if accelerator.is_main_process:
    (window,) = Trajectory("trajectory.h5").windows
    for regime in analyse_diffusion(window.gram, window.stride).regimes:
        exponent = regime.exponent
        print(
            f"lags {regime.first_lag:.0f} to {regime.last_lag:.0f}: "
            f"MSD ~ lag^{exponent.value:.2f}, "
            f"95 % interval {exponent.low:.2f} to {exponent.high:.2f}"
        )
