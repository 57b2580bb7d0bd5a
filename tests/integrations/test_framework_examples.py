"""The worked examples of the frameworks run as they stand."""

import pytest
from test_examples import assert_exponents


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
    assert_exponents(name, tmp_path)
