"""The Hessian product meets every model."""

import cases
import torch
from torch.nn.functional import cross_entropy

from sgdwalk.hessian.product import HessianProduct


def plain_product(model, inputs, labels, vector):
    """By double backward, in whatever mode the model is."""
    parameters = cases.trainable(model)
    options = {"allow_unused": True, "materialize_grads": True}
    loss = cross_entropy(model(inputs), labels)
    gradient = torch.autograd.grad(loss, parameters, create_graph=True, **options)
    along = torch.cat([g.reshape(-1) for g in gradient]) @ vector
    return torch.cat([h.reshape(-1) for h in torch.autograd.grad(along, parameters, **options)])


@cases.every_model()
def test_product_is_that_of_double_backward(case):
    model = case().double()
    for _ in case.training(model, 3):  # batch norm has statistics of its own
        pass
    inputs, labels = case.batch(model, 20)
    product = HessianProduct(model, cross_entropy, (inputs, labels))
    vector = torch.randn(product.dimension, dtype=torch.float64)
    expected = plain_product(model.eval(), inputs, labels, vector)
    torch.testing.assert_close(product @ vector, expected, rtol=1e-9, atol=1e-11)
