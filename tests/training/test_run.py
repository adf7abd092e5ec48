"""Whole runs: they resume exactly, also after a kill."""

import gzip
import json
from dataclasses import replace

import pytest
import torch

from tests.made_sets import make_images, make_places, make_sample, make_set
from tests.training.small import CLUSTERED, DOMAIN, small_recipe
from vsda.errors import RecipeError, RunError, ShardError, UsageError
from vsda.training.checkpoint import (
    best_checkpoint,
    list_checkpoints,
    load_checkpoint,
    save_checkpoint,
)
from vsda.training.inputs import open_inputs
from vsda.training.metrics_log import read_metrics
from vsda.training.run import RunOptions, last_run_dir, new_run_dir, train
from vsda.training.validation import SCORE


@pytest.fixture
def places(tmp_path):
    return make_places(tmp_path / "shards")


def run(recipe, places, run_dir, init="", **options):
    named = {"images": tuple(places[0]), "videos": tuple(places[1])}
    if init:
        named["init"] = recipe.init.model_copy(update={"weights": str(init)})
    recipe = recipe.model_copy(update=named)
    inputs = open_inputs(recipe)
    return load_checkpoint(train(recipe, inputs, RunOptions(run_dir=run_dir, **options)))


def same_state(one, other):
    return all(
        same(getattr(one, part), getattr(other, part))
        for part in ("network", "ema", "teacher", "adversarial", "optimizers", "scaler", "meter")
    )


def same(one, other):
    """Compare states exactly, tensor by tensor."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def losses(run_dir):
    return [(row["step"], row["loss"]) for row in read_metrics(run_dir)]


@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED], ids=["domain", "clustered"])
def test_run_stopped_in_the_middle_of_an_epoch_resumes_exactly(tmp_path, places, loss):
    settings = {
        "adversarial": loss,
        "augmentation": {"flip": True, "brightness": 0.3},
        "ema_decay": 0.9,
        "precision": "16-mixed" if loss is DOMAIN else "32",
    }
    whole = run(small_recipe(**settings), places, tmp_path / "whole")
    whole_losses = losses(tmp_path / "whole")
    run(small_recipe(**settings), places, tmp_path / "cut")
    for path in list_checkpoints(tmp_path / "cut")[1:]:
        path.unlink()
    resumed = run(small_recipe(**settings), places, tmp_path / "cut", resume="yes")
    assert list_checkpoints(tmp_path / "cut")[0].stem == "step-000016"
    assert same_state(whole, resumed)
    assert losses(tmp_path / "cut") == whole_losses


def test_finished_run_resumed_changes_nothing(tmp_path, places):
    once = run(small_recipe(), places, tmp_path / "run")
    again = run(small_recipe(), places, tmp_path / "run", resume="yes")
    assert same_state(once, again)


def test_run_learns(tmp_path, places):
    fast = {"name": "adamw", "learning_rate": 0.01, "schedule": "constant"}
    run(small_recipe(optimizer=fast, steps=40), places, tmp_path / "run")
    rows = losses(tmp_path / "run")
    assert rows[-1][1] < 0.6 * rows[0][1]


def test_logged_learning_rate_follows_the_schedule(tmp_path, places):
    schedule = {"learning_rate": 0.01, "schedule": "poly"}
    run(small_recipe(optimizer=schedule), places, tmp_path / "run")
    logged = [row["learning_rate"] for row in read_metrics(tmp_path / "run")]
    assert logged == pytest.approx([0.01 * (1 - step / 20) ** 0.9 for step in range(20)])


def test_run_folder_explains_itself(tmp_path, places):
    run(small_recipe(adversarial=CLUSTERED, steps=4), places, tmp_path / "run")
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert recipe["adversarial"]["loss"] == "clustered"
    record = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert record["images"][0]["num_samples"] == 13
    assert len(record["videos"][0]["index_sha256"]) == 64
    assert record["class_weights"]["source"] == "labelled"
    assert record["versions"]["torch"] == torch.__version__.split("+")[0]
    row = read_metrics(tmp_path / "run")[-1]
    assert {"step", "loss", "loss_segmentation", "loss_adversarial", "accuracy_same"} <= row.keys()
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def test_initial_weights_are_taken_from_another_run(tmp_path, places):
    first = run(small_recipe(steps=4), places, tmp_path / "first")
    frozen = {"learning_rate": 1e-30}
    then = run(
        small_recipe(steps=1, optimizer=frozen), places, tmp_path / "then", init=tmp_path / "first"
    )
    for name, value in first.network.items():
        assert "running" in name or "num_batches" in name or torch.equal(value, then.network[name])
    record = json.loads((tmp_path / "then" / "provenance.json").read_text())
    assert len(record["initial_weights"]["sha256"]) == 64


def test_a_teacher_begins_with_the_initial_weights(tmp_path, places):
    first = run(small_recipe(steps=1), places, tmp_path / "first")
    biased = {"decoder.conv_seg.bias": torch.tensor([50.0, 0.0, 0.0])}
    save_checkpoint(tmp_path / "sure", replace(first, network={**first.network, **biased}), keep=1)
    recipe = small_recipe(steps=1, unlabelled={"loss": "teacher"})
    run(recipe, places, tmp_path / "then", init=tmp_path / "sure")
    row = read_metrics(tmp_path / "then")[-1]
    assert (row["pseudo_label_share"], row["pseudo_object_share"]) == (1, 0)


def test_run_without_labels_in_the_videos_is_the_same_run(tmp_path, places):
    """Unlabelled means unlabelled: the masks of the video set are never read."""
    samples = [make_sample(100 + i, size_px=32, sequence="clip", darkness=0.4) for i in range(5)]
    bare = [replace(sample, seg=None) for sample in samples]
    make_set(tmp_path / "bare", "videos", bare)
    recipe = small_recipe(adversarial=DOMAIN, steps=4)
    with_masks = run(recipe, places, tmp_path / "a")
    without = run(recipe, (places[0], [str(tmp_path / "bare" / "videos")]), tmp_path / "b")
    assert same_state(with_masks, without)


def test_second_run_in_a_folder_is_refused(tmp_path, places):
    run(small_recipe(steps=1), places, tmp_path / "run")
    with pytest.raises(RunError, match="holds a run already; add --resume"):
        run(small_recipe(steps=1), places, tmp_path / "run")


def test_resuming_with_another_recipe_is_refused(tmp_path, places):
    run(small_recipe(steps=4), places, tmp_path / "run")
    with pytest.raises(RunError, match=r"different: batch_images\)"):
        run(small_recipe(steps=4, batch_images=2), places, tmp_path / "run", resume="yes")


def test_diverging_loss_stops_the_run(tmp_path, places):
    wild = {"name": "sgd", "learning_rate": 1e30}
    diverged = r"diverged: .* not finite in 10 steps in a row up to step 11;"
    with pytest.raises(RunError, match=diverged):
        run(small_recipe(optimizer=wild), places, tmp_path / "run")
    kept = torch.load(tmp_path / "run" / "nonfinite" / "step-000011-rank0.pt")
    assert kept["batch"]["images"]["pictures"].shape == (4, 3, 32, 32)


def test_rows_of_a_resumed_run_are_those_of_an_undisturbed_one(tmp_path, places):
    """Also where a checkpoint lies between two rows of the log."""
    settings = {"log_every": 5, "checkpoint_every": 4, "keep_checkpoints": 9}
    run(small_recipe(**settings), places, tmp_path / "whole")
    run(small_recipe(**settings), places, tmp_path / "cut")
    for path in list_checkpoints(tmp_path / "cut")[2:]:
        path.unlink()
    run(small_recipe(**settings), places, tmp_path / "cut", resume="yes")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert [step for step, _ in losses(tmp_path / "cut")] == [5, 10, 15, 20]


def test_diverged_weights_never_become_a_checkpoint(tmp_path, places):
    wild = {"name": "momentum", "learning_rate": 1e30}
    settings = {"optimizer": wild, "log_every": 20, "checkpoint_every": 3}
    with pytest.raises(RunError, match="diverged"):
        run(small_recipe(**settings), places, tmp_path / "run")
    assert not list_checkpoints(tmp_path / "run")


def test_resuming_on_other_data_is_refused(tmp_path, places):
    run(small_recipe(steps=4), places, tmp_path / "run")
    make_images(tmp_path / "other", 7)
    other = ([str(tmp_path / "other" / "images")], places[1])
    with pytest.raises(RunError, match=r"on other data \(different: class_weights, images\)"):
        run(small_recipe(steps=4), other, tmp_path / "run", resume="yes")


def test_what_does_not_decide_the_weights_may_change_on_resume(tmp_path, places):
    whole = run(small_recipe(), places, tmp_path / "whole")
    run(small_recipe(), places, tmp_path / "cut")
    for path in list_checkpoints(tmp_path / "cut")[1:]:
        path.unlink()
    changed = small_recipe(workers=1, log_every=7, checkpoint_every=20, keep_checkpoints=1)
    assert same_state(whole, run(changed, places, tmp_path / "cut", resume="yes"))


def test_failed_start_does_not_block_the_folder(tmp_path, places):
    wild = {"name": "momentum", "learning_rate": 1e30}
    with pytest.raises(RunError, match="diverged"):
        run(small_recipe(optimizer=wild), places, tmp_path / "run")
    assert run(small_recipe(steps=1), places, tmp_path / "run").step == 1


def test_second_process_in_a_run_folder_is_refused(tmp_path, places):
    from vsda.errors import VsdaError
    from vsda.storage import exclusive

    with (
        exclusive(tmp_path / "run" / ".lock"),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        run(small_recipe(steps=1), places, tmp_path / "run")


def test_classifier_of_other_classes_is_not_taken_over(tmp_path, places):
    run(small_recipe(steps=1), places, tmp_path / "first")
    make_set(tmp_path, "images", [make_sample(i, size_px=32, sequence=None) for i in range(4)])
    other = small_recipe(steps=1, classes="car,bird", class_weights={"source": "none"})
    run(other, ([str(tmp_path / "images")], []), tmp_path / "then", init=tmp_path / "first")
    record = json.loads((tmp_path / "then" / "provenance.json").read_text())
    skipped = record["initial_weights"]["report"]["skipped"]
    others = [name for name, why in skipped.items() if why == "classifier of other classes"]
    assert sorted(others) == ["decoder.conv_seg.bias", "decoder.conv_seg.weight"]


def test_class_weights_from_videos_need_their_labels(tmp_path, places):
    bare = [replace(make_sample(0, size_px=32, sequence="clip"), seg=None)]
    make_set(tmp_path / "bare", "videos", bare)
    recipe = small_recipe(class_weights={"source": "videos"})
    with pytest.raises(ShardError, match=r"videos: has no seg\.png"):
        run(recipe, (places[0], [str(tmp_path / "bare" / "videos")]), tmp_path / "run")


@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_picture_is_told_with_its_key_and_without_a_traceback(tmp_path, places, workers):
    samples = [make_sample(i, size_px=32, sequence=None) for i in range(4)]
    samples[2] = replace(samples[2], jpg=samples[2].jpg[:200])
    make_set(tmp_path / "bad", "images", samples)
    bad = ([str(tmp_path / "bad" / "images")], [])
    with pytest.raises(ShardError, match=r"^made/images/00002: an image of 200 bytes") as caught:
        run(small_recipe(workers=workers), bad, tmp_path / "run")
    assert "Traceback" not in str(caught.value)


def test_damaged_row_of_the_metrics_does_not_stop_a_resume(tmp_path, places):
    run(small_recipe(), places, tmp_path / "run")
    for path in list_checkpoints(tmp_path / "run")[1:]:
        path.unlink()
    before = losses(tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.jsonl"
    lines = metrics.read_bytes().splitlines(keepends=True)
    metrics.write_bytes(b"".join(lines[:17]) + b"\x00\x00\n" + lines[17])
    run(small_recipe(), places, tmp_path / "run", resume="yes")
    assert losses(tmp_path / "run") == before


def test_adversarial_settings_that_do_not_fit_are_told(tmp_path, places):
    recipe = small_recipe(adversarial=CLUSTERED | {"pairs": 10})
    with pytest.raises(UsageError, match=r"adversarial\.pairs: got 10, expected a multiple of 4"):
        run(recipe, places, tmp_path / "run")


def test_run_folder_that_is_a_file_is_told(tmp_path, places):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunError, match="is a file; --run names a folder"):
        run(small_recipe(), places, tmp_path / "run")


def test_missing_set_is_told_with_what_to_run(tmp_path, places):
    with pytest.raises(ShardError, match=r"vsda prepare coco --out .*none' or name another"):
        open_inputs(small_recipe(images=(str(tmp_path / "none" / "coco-train"),)))


def test_class_that_was_prepared_away_is_told(tmp_path):
    samples = [make_sample(i, size_px=32, sequence=None) for i in range(2)]
    make_set(tmp_path, "images", samples, classes=["person"], outside="background")
    with pytest.raises(
        RecipeError, match=r"prepared without \['dog'\], whose pixels are background"
    ):
        open_inputs(small_recipe(images=(str(tmp_path / "images"),)))


def test_new_run_folders_are_numbered(tmp_path):
    assert new_run_dir("swin-patch", tmp_path).name == "swin-patch-1"
    assert new_run_dir("swin-patch", tmp_path).name == "swin-patch-2"
    assert last_run_dir("swin-patch", tmp_path).name == "swin-patch-2"
    with pytest.raises(RunError, match="no run swin-images-<n> to resume"):
        last_run_dir("swin-images", tmp_path)


def test_start_that_fails_leaves_no_new_folder(tmp_path, places):
    recipe = small_recipe(adversarial=CLUSTERED | {"pairs": 10})
    with pytest.raises(UsageError):
        run(recipe, places, None, name="mine", parent=tmp_path / "runs")
    with pytest.raises(UsageError):
        run(recipe, places, tmp_path / "runs" / "named")
    assert not list((tmp_path / "runs").iterdir())


def test_start_that_fails_leaves_folders_that_were_there(tmp_path, places):
    wrong = small_recipe(adversarial=CLUSTERED | {"pairs": 10})
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError):
        run(wrong, places, tmp_path / "mine")
    assert (tmp_path / "mine").is_dir()


def test_newest_run_with_a_checkpoint_is_the_last_one(tmp_path):
    for number in (1, 2, 10, 11):
        (tmp_path / f"mine-{number}").mkdir()
    assert last_run_dir("mine", tmp_path).name == "mine-11"
    for number in (2, 10):
        (tmp_path / f"mine-{number}" / "checkpoints").mkdir()
    (tmp_path / "mine-2" / "checkpoints" / "step-000004.pt").touch()
    assert last_run_dir("mine", tmp_path).name == "mine-2"


def test_other_initial_weights_are_passed_over_on_resume_and_that_is_said(tmp_path, places, caplog):
    run(small_recipe(), places, tmp_path / "run")
    for path in list_checkpoints(tmp_path / "run")[1:]:
        path.unlink()
    with caplog.at_level("WARNING", "vsda"):
        resumed = run(small_recipe(), places, tmp_path / "run", init="other.pt", resume="yes")
    assert "the initial ones are passed over: other.pt" in caplog.text
    assert resumed.step == 20
    assert resumed.recipe["init"]["weights"] == ""
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["init"]["weights"] == ""


def test_same_initial_weights_are_not_spoken_of_on_resume(tmp_path, places, caplog):
    run(small_recipe(steps=1), places, tmp_path / "run")
    with caplog.at_level("WARNING", "vsda"):
        run(small_recipe(steps=1), places, tmp_path / "run", resume="yes")
    assert "passed over" not in caplog.text


def test_run_of_one_step_says_nothing_of_its_schedule(tmp_path, places, caplog):
    cosine = {"schedule": "cosine"}
    run(small_recipe(steps=1, optimizer=cosine), places, tmp_path / "run")
    run(small_recipe(steps=1, discriminator_optimizer=cosine), places, tmp_path / "other")
    assert not [each for each in caplog.records if each.name.startswith("timm")]


def test_clusters_that_never_hold_both_domains_are_told(tmp_path, places, caplog):
    """At `global` a token is a whole frame: 4 images and 3 frames rarely share a cluster."""
    loss = CLUSTERED | {"placement": "global", "clusters": 7}
    run(small_recipe(adversarial=loss, steps=2), places, tmp_path / "run")
    assert "no cluster held two tokens of either domain" in caplog.text
    assert "lower adversarial.clusters" in caplog.text


def test_average_of_the_weights_lags_behind_them_and_changes_nothing(tmp_path, places):
    adam = {"name": "adamw", "learning_rate": 0.01, "schedule": "constant"}
    kept = run(small_recipe(ema_decay=0.9, optimizer=adam), places, tmp_path / "run")
    name = "encoder.features.0.0.weight"
    assert not torch.equal(kept.ema[name], kept.network[name])
    plain = run(small_recipe(optimizer=adam), places, tmp_path / "plain")
    assert plain.ema == {}
    assert torch.equal(plain.network[name], kept.network[name])


def judged(places, run_dir, scores, resume="no", **settings):
    """Train with a validator whose scores are given, and return the run folder."""

    class Judge:
        uses_target_labels = True

        def __init__(self):
            self.left = list(scores)
            self.seen = []

        def count(self, network, rank, world_size):
            self.seen.append(network)
            return torch.tensor([[self.left.pop(0)]])

        def scores(self, counts):
            return {SCORE: float(counts) / 100}

    judge = Judge()
    recipe = small_recipe(validate_every=5, keep_checkpoints=1, **settings)
    run(recipe, places, run_dir, validator=lambda device: judge, resume=resume)
    return judge


def test_best_checkpoint_stays_and_the_latest_ones_besides(tmp_path, places):
    judged(places, tmp_path / "run", [10, 40, 30, 20])
    steps = [path.stem for path in list_checkpoints(tmp_path / "run")]
    assert steps == ["step-000010", "step-000020"]
    assert best_checkpoint(tmp_path / "run").stem == "step-000010"
    rows = {row["step"]: row.get(SCORE) for row in read_metrics(tmp_path / "run")}
    assert [rows[step] for step in (5, 10, 15, 20)] == [0.1, 0.4, 0.3, 0.2]
    record = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert record["validation"]["uses_target_labels"]


def test_a_resumed_run_knows_its_best_score(tmp_path, places):
    judged(places, tmp_path / "run", [40, 10, 30, 20])
    for path in list_checkpoints(tmp_path / "run")[1:]:
        path.unlink()
    judged(places, tmp_path / "run", [10, 30, 20], resume="yes")
    assert best_checkpoint(tmp_path / "run").stem == "step-000005"


def test_the_averaged_network_is_the_one_that_is_judged(tmp_path, places):
    judge = judged(places, tmp_path / "run", [1] * 4, ema_decay=0.9)
    kept = load_checkpoint(list_checkpoints(tmp_path / "run")[-1])
    seen = judge.seen[-1].state_dict()
    assert all(torch.equal(seen[name], value) for name, value in kept.ema.items())


def test_auto_resumes_the_last_run_or_starts_one(tmp_path, places):
    parent = {"name": "mine", "parent": tmp_path / "runs"}
    run(small_recipe(steps=4), places, None, resume="auto", **parent)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine-1"]
    run(small_recipe(steps=4), places, None, resume="auto", **parent)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine-1"]
    with pytest.raises(RunError, match="no run other-<n> to resume"):
        run(small_recipe(steps=4), places, None, resume="yes", name="other", parent=tmp_path)


def test_every_start_of_a_run_is_on_record(tmp_path, places):
    run(small_recipe(steps=4), places, tmp_path / "run")
    run(small_recipe(steps=4), places, tmp_path / "run", resume="yes")
    lines = (tmp_path / "run" / "starts.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 4]
    assert json.loads(lines[0])["processes"] == 1


def test_profile_of_a_run_is_a_trace_and_a_table(tmp_path, places):
    run(small_recipe(steps=8), places, tmp_path / "run", profile_steps=2)
    table = (tmp_path / "run" / "profile" / "operations.txt").read_text()
    assert table.startswith("2 steps")
    assert "aten::" in table
    trace = gzip.decompress((tmp_path / "run" / "profile" / "trace.json.gz").read_bytes())
    assert json.loads(trace)["traceEvents"]


def test_rows_tell_speed_waiting_and_memory(tmp_path, places):
    run(small_recipe(steps=4, adversarial=CLUSTERED), places, tmp_path / "run")
    row = read_metrics(tmp_path / "run")[-1]
    assert 0 <= row["data_wait"] <= 1
    assert row["step_ms"] > 0
    assert row["memory_bytes"] > 1e8
    assert row["gradient_ratio"] > 0
    assert 0 <= row["train_miou"] <= 1
    assert row["gradient_norm"] > 0
    assert row["discriminator_gradient_norm"] > 0


def test_samples_that_were_replaced_are_counted_and_bounded(tmp_path, places, caplog):
    """The tar's bytes of one picture are turned to nothing, as a bad disk does."""
    place = next((tmp_path / "shards").glob("images-000000.tar"))
    data = bytearray(place.read_bytes())
    at = data.index(b"\xff\xd8\xff")
    data[at + 200 : at + 400] = bytes(200)
    data[at : at + 4] = bytes(4)
    place.write_bytes(data)
    run(small_recipe(damaged="skip"), places, tmp_path / "run")
    assert read_metrics(tmp_path / "run")[-1]["damaged_samples"] == 1
    assert caplog.text.count("replaced by another sample") == 1
    with pytest.raises(ShardError, match="made/images/00000"):
        run(small_recipe(), places, tmp_path / "strict")
