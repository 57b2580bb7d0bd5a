"""Which files are the checkpoints of a walk, and of which steps."""

import pytest

from sgdwalk.errors import InputError
from sgdwalk.walks.checkpoint_names import checkpoint_series


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def steps(found):
    return [one.step for one in found]


def refused(match, *arguments):
    with pytest.raises(InputError, match=match) as error:
        checkpoint_series(*arguments)
    assert "\n" not in str(error.value)


def test_steps_are_the_last_number_of_a_name_and_the_order_is_theirs(tmp_path):
    touch(tmp_path, "run2-step9.pt", "run2-step10.pt", "run2-step100.pt")
    assert steps(checkpoint_series(str(tmp_path / "*.pt"))) == [9, 10, 100]
    touch(tmp_path / "l", "epoch=3-step=400.ckpt", "epoch=10-step=1100.ckpt")
    assert steps(checkpoint_series(str(tmp_path / "l" / "*.ckpt"))) == [400, 1100]
    touch(tmp_path / "m", "model_000100.pt", "model_000020.pt")
    assert steps(checkpoint_series(str(tmp_path / "m" / "*"))) == [20, 100]


def test_several_patterns_and_folders_below(tmp_path):
    touch(tmp_path, "a/1.pt", "b/c/2.pt", "3.npz")
    found = checkpoint_series([str(tmp_path / "**" / "*.pt"), str(tmp_path / "*.npz")])
    assert steps(found) == [1, 2, 3]


def test_a_folder_is_all_that_is_in_it(tmp_path):
    touch(tmp_path, "run/1.pt", "run/2.pt", "run/notes.txt", "run/config.json")
    assert steps(checkpoint_series(str(tmp_path / "run"))) == [1, 2]
    touch(tmp_path, "hf/checkpoint-10/model.safetensors", "hf/checkpoint-20/model.safetensors")
    touch(tmp_path, "hf/checkpoint-10/optimizer.pt", "hf/checkpoint-10/rng_state.pth")
    touch(tmp_path, "hf/checkpoint-20/training_args.bin", "hf/trainer_state.json")
    for pattern in ("hf", "hf/checkpoint-*", "hf/*/model.safetensors"):
        found = checkpoint_series(str(tmp_path / pattern))
        assert steps(found) == [10, 20]
        assert found[0].paths == (str(tmp_path / "hf/checkpoint-10/model.safetensors"),)


def test_shards_of_a_folder_are_one_position(tmp_path):
    for step in (1, 2, 1000):
        place = tmp_path / f"step{step}"
        touch(place, *(f"model-0000{i}-of-00002.safetensors" for i in (1, 2)))
        touch(place, "model.safetensors.index.json")
    for pattern in ("step*", "step*/*.safetensors", "step*/*"):
        found = checkpoint_series(str(tmp_path / pattern))
        assert steps(found) == [1, 2, 1000]
        assert found[0].paths[0].endswith("model.safetensors.index.json")
        assert len(found[0].paths) == 3


def test_steps_that_are_given(tmp_path):
    touch(tmp_path, *(f"v{i}.pt" for i in (1, 2, 10)))
    pattern = str(tmp_path / "*.pt")
    assert steps(checkpoint_series(pattern, [0, 50, 70])) == [0, 50, 70]
    refused("2 of them for 3 checkpoints", pattern, [1, 2])
    refused("both of step 4", pattern, [4, 4, 5])
    refused("-1, of .*; allowed: 0 or more", pattern, [-1, 4, 5])


def test_steps_of_a_regular_expression(tmp_path):
    touch(tmp_path, "at-1k-of-3.pt", "at-2k-of-3.pt", "at-500-of-3.pt")
    pattern = str(tmp_path / "*.pt")
    assert steps(checkpoint_series(pattern, r"at-(\d+k?)-of")) == [500, 1000, 2000]
    refused("finds 'at' in", pattern, r"(at)-")
    refused("finds nothing in", pattern, r"step(\d+)")
    refused("is no regular expression", pattern, r"step(\d+")


def test_steps_of_a_table(tmp_path):
    touch(tmp_path, "a.pt", "b.pt")
    table = tmp_path / "steps.csv"
    pattern = str(tmp_path / "*.pt")
    table.write_text("step,iteration\n3,300\n7,700\n")
    assert steps(checkpoint_series(pattern, str(table))) == [3, 7]
    assert steps(checkpoint_series(pattern, f"{table}:iteration")) == [300, 700]
    refused("no column 'it'; it has step, iteration", pattern, f"{table}:it")
    table.write_text("file,step\nb.pt,3\na.pt,7\nc.pt,9\n")
    found = checkpoint_series(pattern, str(table))
    assert [(one.step, one.paths[0][-4:]) for one in found] == [(3, "b.pt"), (7, "a.pt")]
    table.write_text("file,step\nb.pt,3\n")
    refused("no row of .*a.pt", pattern, str(table))
    table.write_text("step\n3\nx\n")
    refused("'x' in column 'step'", pattern, str(table))
    refused("cannot be read", pattern, str(tmp_path / "none.csv"))


def test_what_is_no_series_is_refused(tmp_path):
    refused("nothing matches '.*x[*].pt'", str(tmp_path / "x*.pt"))
    touch(tmp_path, "one1.pt")
    refused("alone matches; allowed: two", str(tmp_path / "*.pt"))
    touch(tmp_path, "all/best.pt", "all/last.pt")
    refused("no number in the name of .*best.pt", str(tmp_path / "all" / "*.pt"))
    touch(tmp_path, "b/x1.pt", "b/y1.pt")
    refused("x1.pt and .*y1.pt are both of step 1", str(tmp_path / "b" / "*.pt"))


def test_shards_of_several_positions_in_one_folder(tmp_path):
    for step in (5, 10):
        touch(tmp_path, *(f"v1.5-step{step}-0000{i}-of-00002.safetensors" for i in (1, 2)))
    for pattern in ("*", "*.safetensors", ""):
        found = checkpoint_series(str(tmp_path / pattern))
        assert steps(found) == [5, 10]
        assert [len(one.paths) for one in found] == [2, 2]
    for step in (5, 10):
        touch(tmp_path, f"v1.5-step{step}.safetensors.index.json")
    found = checkpoint_series(str(tmp_path / "*"))
    assert steps(found) == [5, 10]
    assert [one.paths[0][-11:] for one in found] == [".index.json"] * 2


def test_names_that_sound_like_shards_or_states_are_those_of_models(tmp_path):
    touch(tmp_path / "a", "lora_rank8_step1.pt", "lora_rank8_step2.pt")
    touch(tmp_path / "b", "random_init_1.pt", "random_init_2.pt", "optimizer_1.pt")
    touch(tmp_path / "c", "part-1-of-3.pt", "part-2-of-3.pt")
    for folder in "ab":
        assert steps(checkpoint_series(str(tmp_path / folder / "*.pt"))) == [1, 2]
    assert steps(checkpoint_series(str(tmp_path / "c" / "*.pt"), r"part-(\d+)")) == [1, 2]


def test_a_file_without_number_among_others_is_not_of_its_folders_step(tmp_path):
    touch(tmp_path / "run7", "step10.pt", "step20.pt", "best.pt")
    refused("no number in the name of .*best.pt", str(tmp_path / "run7" / "*.pt"))


def test_steps_of_a_list_are_whole(tmp_path):
    touch(tmp_path, "a.pt", "b.pt")
    refused("0.5; allowed: whole numbers", str(tmp_path / "*.pt"), [0.5, 1])


def test_rows_of_a_table_are_found_by_the_end_of_a_path(tmp_path):
    touch(tmp_path, "one/model.pt", "two/model.pt")
    table = tmp_path / "steps.csv"
    pattern = str(tmp_path / "*" / "model.pt")
    table.write_text("file,step\ntwo/model.pt,1\none/model.pt,2\n")
    found = checkpoint_series(pattern, str(table))
    assert [(one.step, one.paths[0][-12:]) for one in found] == [
        (1, "two/model.pt"),
        (2, "one/model.pt"),
    ]
    table.write_text("step,file\n1,two/model.pt\n2\n")
    refused("no row of .*one/model.pt", pattern, str(table))
