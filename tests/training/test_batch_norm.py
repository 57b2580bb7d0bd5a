"""Statistics of batch norm that no training has touched are those of the samples, in one place."""

import copy

import pytest
import torch
from torch import nn

from sgdwalk.networks.build import build_network
from sgdwalk.training import batch_norm
from sgdwalk.training.batch_norm import batch_statistics, eval_mode, refresh_batch_norm


def samples(count, seed=0):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def network():
    torch.manual_seed(0)
    return build_network("resnet8", (1, 8, 8))


def statistics(state):
    return {name: value.clone() for name, value in state.items() if ".running_" in name}


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_statistics_that_no_training_has_touched_are_set():
    model = network()
    refresh_batch_norm(model, samples(40))
    before = statistics(model.state_dict())
    assert all(float(v.abs().sum()) > 0 for n, v in before.items() if n.endswith("mean"))
    refresh_batch_norm(model, samples(40, seed=5))
    assert same(before, statistics(model.state_dict()))


def test_they_are_the_mean_over_chunks_of_about_equal_size(monkeypatch):
    monkeypatch.setattr(batch_norm, "CHUNK", 16)
    layer = nn.BatchNorm1d(3)
    inputs = torch.randn(40, 3) + 2
    refresh_batch_norm(layer, inputs)
    parts = inputs.tensor_split(3)
    torch.testing.assert_close(layer.running_mean, torch.stack([p.mean(0) for p in parts]).mean(0))
    torch.testing.assert_close(layer.running_var, torch.stack([p.var(0) for p in parts]).mean(0))


def test_a_state_of_its_own_leaves_the_model_alone():
    model, inputs = network().train(), samples(40)
    before = copy.deepcopy(model.state_dict())
    state = copy.deepcopy(before)
    refresh_batch_norm(model, inputs, state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    refresh_batch_norm(model, inputs)
    assert same(statistics(state), statistics(model.state_dict()))


@pytest.mark.parametrize("batch_norm", [True, False])
def test_modes_and_momenta_are_restored(batch_norm):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, momentum=0.3), nn.Dropout()).train()
    model[2].eval()
    with eval_mode(model, batch_norm), batch_statistics([model[1]]):
        assert (model[1].training, model[1].momentum, model[0].training) == (True, None, False)
    assert [module.training for module in model] == [True, True, False]
    assert model[1].momentum == 0.3
    with eval_mode(model, batch_norm):
        assert [module.training for module in model] == [False, not batch_norm, False]
