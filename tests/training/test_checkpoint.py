"""Checkpoints are whole or told."""

import hashlib

import pytest
import torch

from vsda.errors import RunError
from vsda.training.checkpoint import (
    Checkpoint,
    latest_checkpoint,
    list_checkpoints,
    load_checkpoint,
    newest_whole,
    save_checkpoint,
)


def checkpoint(step):
    return Checkpoint(
        step=step,
        network={"weight": torch.full((4,), float(step))},
        ema={},
        adversarial={},
        optimizers=[],
        scaler={},
        recipe={"a": 1},
        inputs={},
        meter={},
        counted={},
    )


def save(run_dir, *steps, keep=9):
    return [save_checkpoint(run_dir, checkpoint(step), keep) for step in steps]


def test_checkpoint_survives_a_round_trip(tmp_path):
    (path,) = save(tmp_path, 7)
    found = load_checkpoint(path)
    assert found.step == 7
    assert torch.equal(found.network["weight"], torch.full((4,), 7.0))


def test_a_checkpoint_from_before_there_were_teachers_is_read(tmp_path):
    (path,) = save(tmp_path, 7)
    path.with_suffix(".sha256").unlink()
    old = torch.load(path)
    assert old.pop("teacher") == {}
    torch.save(old, path)
    found = load_checkpoint(path)
    assert (found.step, found.teacher) == (7, {})


def test_only_the_latest_are_kept(tmp_path):
    save(tmp_path, 5, 10, 15, 20, keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "step-000015.pt",
        "step-000020.pt",
    ]
    assert len(list((tmp_path / "checkpoints").iterdir())) == 4


def test_nothing_temporary_is_left(tmp_path):
    save(tmp_path, 5)
    assert not list(tmp_path.rglob("*.part"))


def test_what_a_killed_run_left_goes_with_the_next_checkpoint(tmp_path):
    (path,) = save(tmp_path, 5)
    path.with_name("step-000010.pt.0123456789abcdef.part").write_bytes(b"half")
    save(tmp_path, 10)
    assert len(list(path.parent.iterdir())) == 4


def test_torn_checkpoint_is_told_and_the_one_before_is_taken(tmp_path, caplog):
    _, last = save(tmp_path, 5, 10)
    last.write_bytes(last.read_bytes()[:-100])
    assert latest_checkpoint(tmp_path).step == 5
    assert "step-000010.pt: damaged" in caplog.text


def test_flipped_bit_is_found(tmp_path):
    (path,) = save(tmp_path, 5)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match=r"its SHA-256 is not the one in step-000005\.sha256"):
        load_checkpoint(path)


def test_torn_checkpoint_without_its_hash_is_found_too(tmp_path):
    (path,) = save(tmp_path, 5)
    path.with_suffix(".sha256").unlink()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match="cannot be read as a checkpoint"):
        load_checkpoint(path)


def test_no_whole_checkpoint_is_an_error(tmp_path):
    (path,) = save(tmp_path, 5)
    path.write_bytes(b"")
    with pytest.raises(RunError, match="none of 1 checkpoints is whole"):
        latest_checkpoint(tmp_path)


def test_a_run_without_checkpoints_has_no_latest(tmp_path):
    assert latest_checkpoint(tmp_path) is None


def test_another_file_is_told(tmp_path):
    path = tmp_path / "checkpoints" / "step-000001.pt"
    path.parent.mkdir()
    torch.save({"epoch": 1}, path)
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(RunError, match="not a checkpoint of a training run"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"plain words\n", b"\x80\x02cos\ngetcwd\n."])
def test_file_of_another_kind_is_told(tmp_path, content):
    path = tmp_path / "step-000001.pt"
    path.write_bytes(content)
    with pytest.raises(RunError, match="cannot be read as a checkpoint"):
        load_checkpoint(path)


def test_empty_hash_file_lets_the_checkpoint_before_be_taken(tmp_path):
    _, last = save(tmp_path, 5, 10)
    last.with_suffix(".sha256").write_text("")
    assert latest_checkpoint(tmp_path).step == 5


def test_damaged_checkpoints_of_later_steps_do_not_push_out_new_ones(tmp_path):
    """A run that goes on from step 2, as those of 4 are damaged, keeps what it does then."""
    save(tmp_path, 2, 4, keep=2)
    list_checkpoints(tmp_path)[-1].write_bytes(b"torn")
    assert newest_whole(tmp_path).stem == "step-000002"
    save(tmp_path, 3, keep=1)
    assert [path.stem for path in list_checkpoints(tmp_path)] == ["step-000003"]
