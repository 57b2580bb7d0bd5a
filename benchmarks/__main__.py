"""Run every benchmark, or those named, print their figures and write them to a file.

python -m benchmarks [NAME ...]     # for example: recording gram
"""

import importlib
import json
import os
import platform
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "workflow" / "scripts")]
OUTPUT = HERE.parent / "results" / "benchmarks.json"


def main(names: list[str]) -> None:
    """Measure one module after the other; what is already in the file for others stays."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    unknown = set(names) - set(known)
    if unknown:
        sys.exit(f"benchmarks: {', '.join(sorted(unknown))}; allowed: {', '.join(known)}")
    results = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    results["machine"] = {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
    }
    for name in names or known:
        print(f"{name}:", flush=True)
        figures = importlib.import_module(f"bench_{name}").measure()
        for figure, value in figures.items():
            print(
                f"  {figure}: {value:.4g}" if isinstance(value, float) else f"  {figure}: {value}"
            )
        results[name] = figures
        OUTPUT.parent.mkdir(exist_ok=True)
        OUTPUT.write_text(json.dumps(results, indent=2))
    print(f"written to {OUTPUT.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main(sys.argv[1:])
