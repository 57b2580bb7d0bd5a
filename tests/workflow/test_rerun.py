"""What a change makes run again: exactly what depends on it, as `snakemake -n` says."""

import os
import shutil
import time

import pytest
from workflow_copy import WorkflowCopy

LIBRARY = "workflow/scripts/sgdwalk"
# What is drawn from the diffusion of a run, and nothing of it is training or Hessian.
UPSTREAM = {"dataset", "train", "hessian", "noise", "walker"}


def edit_function(copy, file, marker):
    """Change what a module computes, at its end: a new statement is a new syntax tree."""
    path = copy.folder / file
    path.write_text(path.read_text() + f"\n\n{marker} = 1\n")


def test_nothing_changed(smoke):
    assert smoke.plan() == {}


def test_nothing_changed_under_the_cluster_profile_either(smoke):
    assert smoke.plan("--profile", "pbs") == {}


def test_a_comment_a_docstring_and_formatting_change_nothing(smoke_copy):
    for file in ("training/loop.py", "diffusion/msd.py", "files/hdf5.py"):
        path = smoke_copy.folder / LIBRARY / file
        text = path.read_text()
        head, _, rest = text.partition('"""')
        path.write_text(f'# A comment.\n{head}"""Said otherwise. {rest}\n\n\n# The end.\n')
    script = smoke_copy.folder / "workflow/scripts/train.py"
    script.write_text(script.read_text() + "# done\n")
    assert smoke_copy.plan() == {}


def test_touching_every_source_changes_nothing(smoke_copy):
    later = time.time() + 100
    for part in ("Snakefile", "workflow", "studies", "config.yaml"):
        path = smoke_copy.folder / part
        for file in [path, *path.rglob("*")]:
            os.utime(file, (later, later))
    assert smoke_copy.plan() == {}


def test_a_copy_elsewhere_has_nothing_to_do(smoke, tmp_path):
    elsewhere = tmp_path / "another" / "place"
    shutil.copytree(smoke.folder, elsewhere, symlinks=True)
    assert WorkflowCopy(elsewhere).plan() == {}


def test_the_msd_function_reruns_diffusion_and_what_is_drawn_from_it(smoke_copy):
    edit_function(smoke_copy, f"{LIBRARY}/diffusion/msd.py", "CHANGED")
    plan = smoke_copy.plan()
    assert plan["diffusion"] == 2
    assert plan["diffusion_table"] == 1
    assert plan["fig2_superdiffusion"] == 1
    assert not UPSTREAM & set(plan)


def test_a_colour_in_one_figure_script_reruns_that_figure(smoke_copy):
    edit_function(smoke_copy, "workflow/scripts/figS1_long_lags.py", "COLOUR")
    assert smoke_copy.plan() == {"figS1_long_lags": 1}
    # drawn of two runs by one script
    edit_function(smoke_copy, "workflow/scripts/fig2_superdiffusion.py", "COLOUR")
    both = {"fig2_superdiffusion": 1, "fig_longest_run": 1}
    assert smoke_copy.plan() == {"figS1_long_lags": 1, **both}


def test_the_training_loop_reruns_training_and_all_below(smoke_copy):
    edit_function(smoke_copy, f"{LIBRARY}/training/loop.py", "CHANGED")
    plan = smoke_copy.plan()
    assert plan["train"] == 2
    assert plan["diffusion"] == 2
    assert plan["fig2_superdiffusion"] == 1
    assert "dataset" not in plan


def test_a_module_that_nobody_imports_reruns_nothing(smoke_copy):
    (smoke_copy.folder / LIBRARY / "unused.py").write_text("value = 1\n")
    assert smoke_copy.plan() == {}


def test_the_launcher_and_the_planner_rerun_nothing(smoke_copy):
    edit_function(smoke_copy, "workflow/scripts/launch.py", "CHANGED")
    edit_function(smoke_copy, "workflow/planning/summary.py", "CHANGED")
    assert smoke_copy.plan() == {}


@pytest.mark.parametrize(
    "module",
    [
        "training/progress.py",
        "datasets/fetching.py",
        "recording/trajectory.py",
        "fits/estimate.py",
    ],
)
def test_what_decides_no_training_retrains_nothing(smoke_copy, module):
    edit_function(smoke_copy, f"{LIBRARY}/{module}", "CHANGED")
    plan = smoke_copy.plan()
    assert not {"dataset", "train"} & set(plan)
    assert bool(plan) == (module in ("recording/trajectory.py", "fits/estimate.py"))


def test_one_more_public_name_plans_nothing(smoke_copy):
    smoke_copy.edit(
        f"{LIBRARY}/public_names.py",
        "MODULES = {",
        'MODULES = {\n    "find_basins": "sgdwalk.walker.basins",',
    )
    assert smoke_copy.plan() == {}


def test_a_key_added_to_the_schema_with_its_default_plans_nothing(smoke_copy):
    for section, before in (
        ("training", "  warmup:\n"),
        ("recording", "  weights:\n"),
        ("geometry", "  ageing_lags:\n"),
        ("walker", "  basin_depth:\n"),
        ("hessian", "  trace_products:\n"),
        ("landscape", "  roughness_lines:\n"),
    ):
        added = "  later:\n    description: Later.\n    type: number\n    default: 1\n"
        smoke_copy.edit(f"workflow/schemas/{section}.yaml", f"\n{before}", f"\n{added}{before}")
    assert smoke_copy.plan() == {}


def test_one_more_value_in_a_sweep_is_one_more_run_and_the_aggregates(smoke_copy):
    smoke_copy.edit("studies/smoke.yaml", "[0.05, 0.1]", "[0.05, 0.1, 0.2]")
    plan = smoke_copy.plan()
    assert plan["train"] == 1
    assert plan["diffusion"] == 1
    assert plan["diffusion_table"] == 1
    assert "fig2_superdiffusion" not in plan


def test_a_setting_of_one_analysis_reruns_that_analysis(smoke_copy):
    plan = smoke_copy.plan("--config", "diffusion={signs: 60}")
    assert plan["diffusion"] == 2
    assert not UPSTREAM & set(plan)


@pytest.mark.parametrize(
    "setting",
    [
        "resources={train: {threads: 2, mem_mb: 3000}, device: cpu}",
        "resume={minutes: 3, steps: 50}",
    ],
)
def test_resources_and_resume_points_rerun_nothing(smoke_copy, setting):
    assert smoke_copy.plan("--config", setting) == {}


def test_retraining_is_announced_and_can_be_declined(smoke_copy):
    edit_function(smoke_copy, f"{LIBRARY}/recording/recorder.py", "HARMLESS")
    planned = smoke_copy.snakemake("-n")
    assert "2 finished trainings will be made again" in planned.stdout
    assert "accept_training" in planned.stdout
    smoke_copy.snakemake("--cores", "1", "accept_training").check_returncode()
    after = smoke_copy.snakemake("-n")
    assert "will be made again" not in after.stdout
    assert smoke_copy.plan() == {}


def test_retraining_can_be_undone_without_training(smoke_copy):
    """Old outputs survive a retraining, which is cut short here, and come back in seconds."""
    run = smoke_copy.runs()[0]
    before = (run / "trajectory.h5").read_bytes()
    path = smoke_copy.folder / LIBRARY / "training/loop.py"
    original = path.read_text()
    target = f"results/smoke/runs/{run.name}/trajectory.h5"
    path.write_text(original + '\n\nraise SystemExit("this edit was a bad idea")\n')
    assert smoke_copy.snakemake("--cores", "1", target).returncode != 0
    assert not (run / "trajectory.h5").exists()  # Snakemake removed it before the job
    path.write_text(original)
    result = smoke_copy.snakemake("--cores", "1", target)
    result.check_returncode()
    assert "trained before with the same settings and code" in result.stdout
    assert (run / "trajectory.h5").read_bytes() == before
    assert sorted(p.name for p in (run / "checkpoints").glob("*.pt"))


def test_two_snakemakes_do_not_write_into_one_run(smoke_copy):
    """Snakemake's own lock off, the run's folder is still guarded, and the holder is named."""
    from sgdwalk.training.run_folder import RunFolder

    run = smoke_copy.runs()[0]
    target = f"results/smoke/runs/{run.name}/trajectory.h5"
    with RunFolder(run, "other").locked():
        result = smoke_copy.snakemake("--cores", "1", "--nolock", "--forcerun", "train", target)
    assert result.returncode != 0
    assert "another process is training this run ({" in result.stdout
    assert str(os.getpid()) in result.stdout
    smoke_copy.snakemake("--cores", "1", target).check_returncode()
