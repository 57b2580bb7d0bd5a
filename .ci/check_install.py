"""What an installed sgdwalk can do, without (`alone`) and with its extras (`all`)."""

import sys

import torch

import sgdwalk

if sys.argv[1] == "alone":
    assert "site-packages" in sgdwalk.__file__, sgdwalk.__file__
    for name in dir(sgdwalk):
        getattr(sgdwalk, name)
    model = sgdwalk.build_network("resnet8", (1, 8, 8))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with sgdwalk.TrajectoryRecorder(model, "trajectory.h5", window=50) as recorder:
        for _ in range(100):
            loss = torch.nn.functional.cross_entropy(
                model(torch.randn(16, 1, 8, 8)), torch.randint(10, (16,))
            )
            optimizer.zero_grad()
            loss.backward()
            recorder.record(loss)
            optimizer.step()
    assert len(sgdwalk.Trajectory("trajectory.h5").windows) == 2
    assert sgdwalk.fit_stable(torch.randn(500).numpy()).alpha.value > 1.5
else:
    from sgdwalk.datasets.load import load_dataset
    from sgdwalk.figures import style
    from sgdwalk.gradients.power_tail import fit_power_tail

    assert len(load_dataset("digits").train_labels) == 1437
    sgdwalk.build_network("vit", (3, 32, 32))
    assert fit_power_tail(torch.rand(500).double().numpy() ** -0.5).exponent > 0
    style.panels(["one"])
print(f"sgdwalk {sgdwalk.__version__}, {sys.argv[1]}: works")
