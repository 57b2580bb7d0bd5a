"""Record a Lightning training: one more callback."""

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sgdwalk import Trajectory, analyse_diffusion
from sgdwalk.integrations.lightning import LightningRecorder


class Classifier(lightning.LightningModule):
    """A small network and how it is trained."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 3))

    def training_step(self, batch, index):
        """The loss of a minibatch."""
        inputs, labels = batch
        return nn.functional.cross_entropy(self.network(inputs), labels)

    def configure_optimizers(self):
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


lightning.seed_everything(0)
data = TensorDataset(torch.randn(512, 20), torch.randint(3, (512,)))
trainer = lightning.Trainer(
    callbacks=[LightningRecorder("trajectory.h5", window=500)],
    max_steps=500,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(Classifier(), DataLoader(data, batch_size=32, shuffle=True))

(window,) = Trajectory("trajectory.h5").windows
for regime in analyse_diffusion(window.gram, window.stride).regimes:
    exponent = regime.exponent
    print(
        f"lags {regime.first_lag:.0f} to {regime.last_lag:.0f}: MSD ~ lag^{exponent.value:.2f}, "
        f"95 % interval {exponent.low:.2f} to {exponent.high:.2f}"
    )
