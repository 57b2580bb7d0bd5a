"""The worked examples of the frameworks run as they stand."""

import pytest
from test_examples import printed


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("lightning", "lightning_module"),
        ("transformers", "transformers_trainer"),
        ("accelerate", "accelerate_loop"),
    ],
)
def test_it_prints_exponents(tmp_path, package, name):
    pytest.importorskip(package)
    regimes = printed(name, tmp_path)
    assert regimes
    for exponent, low, high in regimes:
        assert low <= exponent <= high
        assert 0 < exponent < 2.5
