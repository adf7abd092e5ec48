"""The log of a run judged afterwards, and what its clusters hold."""

import pytest

from tests.report.make_runs import make_run, runs_in
from vsda.recipes.train import TrainRecipe
from vsda.report.health import MOST_REMARKS, health
from vsda.report.mixing import mixes

RECIPE = TrainRecipe(
    description="Clustered.",
    images=("coco-train",),
    videos=("davis-train",),
    classes="person,dog",
    batch_images=6,
    batch_videos=2,
    steps=1000,
    adversarial={"loss": "clustered"},
).model_dump(mode="json")
GUESS = {"accuracy_same": 0.5, "accuracy_cross": 0.51, "loss_adversarial": 0.69}


def _run(folder, log, recipe=RECIPE):
    return runs_in([make_run(folder / "run", recipe, log)])[0]


def rows(number, **values):
    return [{"step": 50 * place} | values for place in range(1, number + 1)]


def test_a_healthy_run_has_nothing_to_be_told(tmp_path):
    found = health(_run(tmp_path, rows(20, loss_segmentation=0.4, data_wait=0.01)))

    assert found.is_fine
    assert found.num_steps == 1000


def test_a_discriminator_that_never_learns_is_told_with_the_step(tmp_path):
    found = health(_run(tmp_path, rows(20, **GUESS)))

    (remark,) = found.remarks
    assert (remark.step, remark.is_warning) == (500, True)
    assert remark.text.startswith("the discriminator guesses")


def test_a_discriminator_that_was_fooled_is_a_note_and_no_warning(tmp_path):
    good = rows(5, accuracy_same=0.9, accuracy_cross=0.9)
    later = [row | {"step": row["step"] + 250} for row in rows(10, **GUESS)]

    (remark,) = health(_run(tmp_path, good + later)).remarks

    assert not remark.is_warning
    assert "no longer tells the domains apart" in remark.text


def test_a_reversal_that_does_not_act_leaves_an_unbeaten_discriminator_unblamed(tmp_path):
    unbeaten = rows(20, accuracy_same=1.0, accuracy_cross=1.0)
    young = RECIPE | {"adversarial": RECIPE["adversarial"] | {"start_step": 2000}}

    assert health(_run(tmp_path / "a", unbeaten)).remarks
    assert not health(_run(tmp_path / "b", unbeaten, young)).remarks


def test_skipped_steps_and_damaged_samples_are_counted(tmp_path):
    log = [*rows(3, loss=1.0), {"step": 200, "skipped_steps": 2, "damaged_samples": 1}]
    log += [{"step": 250, "skipped_steps": 7}, {"step": 300, "loss": 1.0}]

    found = health(_run(tmp_path, log))

    assert (found.num_skipped, found.num_damaged, found.is_fine) == (7, 1, False)


def test_a_recipe_of_another_version_is_told(tmp_path):
    found = health(_run(tmp_path, rows(20, **GUESS), RECIPE | {"unheard_of": 1}))

    assert found.remarks == ()
    assert "cannot read the recipe" in found.unjudged
    assert "unheard_of" in found.unjudged


def test_a_run_without_a_log_has_no_health(tmp_path):
    assert health(runs_in([make_run(tmp_path / "run", log=None)])[0]) is None


def test_a_run_that_was_ill_all_the_time_does_not_fill_the_page(tmp_path):
    ill, well = {"num_valid_clusters": 0}, {"num_valid_clusters": 5}
    days = [ill, ill, well, well] * (MOST_REMARKS + 3)
    log = [{"step": place} | day for place, day in enumerate(days, start=1)]

    found = health(_run(tmp_path, log))

    assert (len(found.remarks), found.num_more) == (MOST_REMARKS, 3)


def test_clusters_are_means_over_the_last_tenth_beside_the_share_in_a_batch(tmp_path):
    log = rows(18, cluster_source_share_0=0.1, cluster_source_share_10=0.3)
    log += [{"step": 950, "cluster_source_share_0": 0.4, "cluster_source_share_2": 1.0}]
    log += [{"step": 1000, "cluster_source_share_0": 0.6}]

    (mix,) = mixes([_run(tmp_path, log)], [0])

    assert mix.num_rows == 2
    assert mix.usual == 0.75
    assert [(each.number, each.source_share) for each in mix.clusters] == [
        ("0", pytest.approx(0.5)),
        ("2", 1.0),
        ("10", None),
    ]


def test_runs_without_clusters_have_no_mix(tmp_path):
    assert mixes([_run(tmp_path, rows(3, loss=1.0))], [0]) == []
