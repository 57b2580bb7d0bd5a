"""The worked examples run as they stand, and print exponents with their intervals."""

import re
import subprocess
import sys

import pytest
from workflow_copy import ROOT

LINE = re.compile(r"lags \d+ to \d+: MSD ~ lag\^(.+), 95 % interval (.+) to (.+)")


def printed(name, folder):
    """(regimes, 3) exponents with both ends of their intervals, as an example prints them."""
    script = ROOT / "docs" / "examples" / f"{name}.py"
    result = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert (folder / "trajectory.h5").exists()
    return [tuple(map(float, found)) for found in LINE.findall(result.stdout)]


@pytest.mark.parametrize("name", ["plain_loop", "optimizer_hook"])
def test_it_prints_exponents(tmp_path, name):
    regimes = printed(name, tmp_path)
    assert regimes
    for exponent, low, high in regimes:
        assert low <= exponent <= high
        assert 0 < exponent < 2.5
