"""The worked examples run as they stand, and print exponents with their intervals."""

import re
import subprocess
import sys

import pytest
from workflow_copy import ROOT

LINE = re.compile(r"lags \d+ to \d+: MSD ~ lag\^(.+), 95 % interval (.+) to (.+)")


def assert_exponents(name, folder):
    """An example runs, and prints exponents that a walk can have in their intervals."""
    script = ROOT / "docs" / "examples" / f"{name}.py"
    result = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert (folder / "trajectory.h5").exists()
    regimes = [tuple(map(float, found)) for found in LINE.findall(result.stdout)]
    assert regimes
    for exponent, low, high in regimes:
        assert low <= exponent <= high
        assert 0 < exponent < 2.5


@pytest.mark.parametrize("name", ["plain_loop", "optimizer_hook"])
def test_it_prints_exponents(tmp_path, name):
    assert_exponents(name, tmp_path)
