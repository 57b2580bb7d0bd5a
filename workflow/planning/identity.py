"""What decides a training's result, as one hash; and edits of its code declared harmless.

A run's folder keeps finished trainings by this hash. ``accepted.json`` beside them maps the
fingerprint of edited training code to the older one whose outputs it is said to reproduce; the
plan then goes on under the older fingerprint and nothing is trained again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def training_identity(training: Mapping[str, Any], recording: Mapping[str, Any], code: str) -> str:
    """Hash of a run's settings, of what is recorded, and of the code.

    Args:
        training: settings that are not the default, see ``Settings.said``.
        recording: likewise.
        code: fingerprint.
    """
    decides = {"training": training, "recording": recording, "code": code}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def accepted_code(run_folder: Path, code: str) -> str:
    """The fingerprint that stands for ``code`` in this run: itself, or the one it was declared."""
    try:
        accepted = json.loads(_accepted(run_folder).read_text())
    except FileNotFoundError:
        return code
    return accepted.get(code, code)


def accept_code(run_folder: Path, code: str, made_by: str) -> None:
    """Declare that ``code`` makes what the present outputs, made by ``made_by``, already are."""
    path = _accepted(run_folder)
    accepted = json.loads(path.read_text()) if path.exists() else {}
    accepted[code] = made_by
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(accepted, indent=1) + "\n")
    temporary.replace(path)


def adopt_kept(
    run_folder: Path, made: Mapping[str, Any], settings: Mapping[str, Any], said: Mapping[str, Any]
) -> bool:
    """Give outputs that an older sgdwalk kept, under a hash of all settings, their present name.

    Args:
        run_folder: of the run.
        made: origin of its trajectory.
        settings: ``training`` and ``recording`` of the run in the study, complete.
        said: those of them that are not the default.

    Returns:
        Whether there were such outputs, made with the same settings.
    """
    then = {name: made[name] for name in ("training", "recording")}
    old = run_folder / ".kept" / training_identity(**then, code=made["code"])
    new = run_folder / ".kept" / training_identity(**said, code=made["code"])
    if new.exists() or not old.exists():
        return False
    if not all(same_settings(then[name], settings[name], said[name]) for name in then):
        return False
    os.replace(old, new)
    return True


def same_settings(then: Mapping[str, Any], now: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether recorded settings are those of now, and what they lack stands at its default."""
    return all(now.get(key) == value for key, value in then.items()) and set(said) <= set(then)


def _accepted(run_folder: Path) -> Path:
    return run_folder / ".kept" / "accepted.json"


def to_retrain(run_folder: Path, identity: str) -> bool:
    """Whether a run has finished outputs but none made under this identity."""
    finished = (run_folder / "trajectory.h5").exists()
    return finished and not (run_folder / ".kept" / identity).exists()


def announcement(runs: list[str], config: str) -> str:
    """What is said before finished trainings are made again.

    Args:
        runs: their names.
        config: path of the study.
    """
    trainings = f"{len(runs)} finished training{'s' if len(runs) > 1 else ''}"
    return (
        f"{trainings} will be made again, because settings or training code changed: "
        f"{', '.join(runs)}. The present outputs are kept in .kept in "
        "each run's folder. If the edit changes no result, stop now and declare that with "
        f"`snakemake --cores 1 accept_training --configfile {config}`; to undo the edit, change "
        "it back and run snakemake."
    )
