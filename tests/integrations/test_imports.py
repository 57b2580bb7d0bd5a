"""A framework is loaded with the module that is for it, and not before."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("framework", ["lightning", "transformers", "accelerate"])
def test_the_library_alone_loads_no_framework(tmp_path, framework):
    pytest.importorskip(framework)
    code = (
        "import sys, sgdwalk.integrations; from sgdwalk import TrajectoryRecorder; "
        f"print('{framework}' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.stdout == "False\n", result.stderr
