"""Record a training by Hugging Face's Trainer: one more callback."""

import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    Trainer,
    TrainingArguments,
    set_seed,
)

from sgdwalk import Trajectory, analyse_diffusion
from sgdwalk.integrations.transformers import TransformersRecorder

set_seed(0)
model = AutoModelForCausalLM.from_config(
    GPT2Config(
        vocab_size=16, n_positions=8, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
)
starts = torch.randint(16, (512, 1))
texts = (starts + torch.arange(8)) % 16  # to be learnt: each token is the last one plus 1
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        "training",
        per_device_train_batch_size=16,
        max_steps=500,
        optim="sgd",
        learning_rate=0.1,
        lr_scheduler_type="constant",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    ),
    train_dataset=[{"input_ids": text, "labels": text} for text in texts],
    callbacks=[TransformersRecorder("trajectory.h5", window=500)],
)
trainer.train()

(window,) = Trajectory("trajectory.h5").windows
for regime in analyse_diffusion(window.gram, window.stride).regimes:
    exponent = regime.exponent
    print(
        f"lags {regime.first_lag:.0f} to {regime.last_lag:.0f}: MSD ~ lag^{exponent.value:.2f}, "
        f"95 % interval {exponent.low:.2f} to {exponent.high:.2f}"
    )
