"""Warnings in words: what is said of which numbers, and how often."""

import json
import math

import pytest

from tests.training.small import CLUSTERED, DOMAIN, small_recipe
from vsda.training.watch import Watch

LN2 = math.log(2)
DOMAIN_RUN = small_recipe(adversarial=DOMAIN)
CLUSTERED_RUN = small_recipe(adversarial=CLUSTERED)


def told(recipe, rows, *, strength=1.0, every=50, watch=None, first=1):
    """Return what is said of each of `rows`, which lie `every` steps apart."""
    watch = watch or Watch(recipe)
    return [
        watch.see(every * number, row, strength) for number, row in enumerate(rows, start=first)
    ]


def all_told(*arguments, **settings):
    return [text for texts in told(*arguments, **settings) for text in texts]


def domain(source, target, loss=0.5, **more):
    return {"accuracy_source": source, "accuracy_target": target, "loss_adversarial": loss} | more


GUESS = domain(0.52, 0.49, LN2)
GOOD = domain(0.8, 0.75, 0.4)
ALWAYS_RIGHT = domain(0.998, 0.999, 0.01)


def test_a_healthy_run_hears_nothing(caplog):
    row = GOOD | {"loss_segmentation": 0.4, "data_wait": 0.02, "gradient_ratio": 0.2}
    assert all_told(DOMAIN_RUN, 100 * [row]) == []
    assert caplog.text == ""


def test_a_discriminator_that_never_did_better_than_guess_is_told_once():
    texts = told(DOMAIN_RUN, 40 * [GUESS])
    assert [number for number, text in enumerate(texts, start=1) if text] == [10]
    assert texts[9][0].startswith(
        "the discriminator guesses, it tells 52 % of images and 49 % of frames right, and has "
        "never done better: the adversarial loss teaches nothing."
    )
    assert "raise discriminator_optimizer.learning_rate" in texts[9][0]


def test_a_discriminator_of_pairs_that_guesses_is_told():
    row = {"accuracy_same": 0.5, "accuracy_cross": 0.51, "loss_adversarial": LN2}
    (text,) = all_told(CLUSTERED_RUN, 12 * [row])
    assert "50 % of same-domain pairs and 51 % of cross-domain pairs" in text


def test_the_first_steps_of_a_discriminator_are_not_judged():
    """Ten rows of a short run are no time to learn in, and a young one leans to one answer."""
    assert all_told(DOMAIN_RUN, 60 * [GUESS], every=1) == []
    assert all_told(DOMAIN_RUN, 60 * [domain(0.02, 0.97, 0.8)], every=1) == []


def test_a_guess_after_better_days_is_a_note_and_no_warning(caplog):
    with caplog.at_level("INFO", "vsda"):
        assert all_told(DOMAIN_RUN, 5 * [GOOD] + 30 * [GUESS]) == []
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert record.message.startswith("step 500: the discriminator no longer tells the domains apa")
    assert "only a fresh probe does, see `vsda gap`" in record.message


def test_the_note_is_said_once_even_if_the_discriminator_recovers(caplog):
    with caplog.at_level("INFO", "vsda"):
        all_told(DOMAIN_RUN, 3 * (10 * [GOOD] + 10 * [GUESS]))
    assert len(caplog.records) == 1


def test_one_good_row_is_no_better_day():
    assert len(all_told(DOMAIN_RUN, [GOOD, *(20 * [GUESS])])) == 1


def test_one_answer_for_all_with_a_high_loss_is_a_collapse():
    (text,) = all_told(DOMAIN_RUN, 8 * [domain(0.99, 0.004, 1.7)])
    assert text.startswith(
        "the discriminator gives one answer to all with a loss of 1.7, it tells 99 % of images "
        "and 0.4 % of frames right: it has collapsed"
    )


def test_a_collapse_after_better_days_is_told(caplog):
    with caplog.at_level("INFO", "vsda"):
        (text,) = all_told(DOMAIN_RUN, 10 * [GOOD] + 20 * [domain(0.0, 1.0, 3.0)])
    assert "collapsed" in text
    assert caplog.text == ""


def test_a_guess_that_leans_to_one_side_is_no_collapse():
    """Where all features are alike, a hair decides for all of them."""
    (text,) = all_told(DOMAIN_RUN, 20 * [domain(1.0, 0.0, LN2 + 0.001)])
    assert text.startswith("the discriminator guesses")


def test_of_a_summed_loss_the_accuracies_alone_are_judged():
    recipe = small_recipe(adversarial=DOMAIN | {"reduction": "sum"})
    (collapsed,) = all_told(recipe, 8 * [domain(0.99, 0.01, 9000.0)])
    assert "collapsed" in collapsed
    (dead,) = all_told(recipe, 12 * [domain(0.5, 0.51, 9000.0)])
    assert dead.startswith("the discriminator guesses")


def test_same_for_all_is_the_best_guess_among_pairs_as_they_come():
    recipe = small_recipe(adversarial=CLUSTERED | {"balance": "natural"})
    row = {"accuracy_same": 1.0, "accuracy_cross": 0.0, "loss_adversarial": 0.9}
    assert "collapsed" not in "".join(all_told(recipe, 20 * [row]))
    assert "collapsed" in "".join(all_told(CLUSTERED_RUN, 20 * [row]))


def test_a_discriminator_that_nothing_beats_is_told_with_the_gradient_that_fails():
    texts = told(DOMAIN_RUN, 30 * [ALWAYS_RIGHT | {"gradient_ratio": 0.0021}])
    assert [number for number, text in enumerate(texts, start=1) if text] == [20]
    assert texts[19][0].startswith(
        "the discriminator is unbeaten, it tells 99.8 % of images and 99.9 % of frames right, "
        "although the reversal acts, with 0.0021 times the segmentation's gradient at the reversal"
    )
    assert "Raise adversarial.mu" in texts[19][0]


def test_a_discriminator_that_learns_first_may_be_always_right():
    assert all_told(DOMAIN_RUN, 50 * [ALWAYS_RIGHT], strength=0.0) == []


def test_without_mu_the_reversal_does_not_act():
    recipe = small_recipe(adversarial=DOMAIN | {"mu": 0.0, "mu_on": "loss"})
    assert all_told(recipe, 50 * [ALWAYS_RIGHT]) == []


def test_a_clustered_loss_without_pairs_is_told():
    row = {"num_valid_clusters": 0.0}
    texts = told(CLUSTERED_RUN, 5 * [row])
    assert [len(text) for text in texts] == [0, 1, 0, 0, 0]
    assert texts[1][0].startswith("no cluster held two tokens of either domain")
    assert all_told(CLUSTERED_RUN, [row, {"num_valid_clusters": 1.0}, row]) == []


def shares(*values):
    return {f"cluster_source_share_{number}": value for number, value in enumerate(values)}


def test_clusters_of_one_domain_are_told():
    (text,) = all_told(CLUSTERED_RUN, 6 * [shares(0.0, 0.99, 0.01, 0.5)])
    assert text.startswith("3 of 4 clusters hold hardly any token of one of the domains")


def test_half_of_the_clusters_may_have_one_domain():
    assert all_told(CLUSTERED_RUN, 20 * [shares(0.0, 0.99, 0.3, 0.5)]) == []


def test_clusters_are_measured_by_the_mix_of_the_tokens():
    """Of 4 images to 396 frames, a cluster with one token in fifty from images has its share."""
    recipe = small_recipe(adversarial=CLUSTERED, batch_videos=396)
    assert all_told(recipe, 20 * [shares(0.02, 0.01, 0.02)]) == []
    assert len(all_told(recipe, 20 * [shares(0.0, 0.0, 0.02)])) == 1


def test_a_device_that_waits_for_data_is_told():
    texts = all_told(small_recipe(workers=3), 6 * [{"data_wait": 0.453}])
    assert texts[0].startswith("45 % of the time goes into waiting for data")
    assert "Raise workers (3 now)" in texts[0]
    (alone,) = all_told(small_recipe(workers=0), 6 * [{"data_wait": 0.453}])
    assert "0 now: the training process reads by itself" in alone


def test_a_single_slow_row_is_not_told():
    rows = [{"data_wait": 0.9 if number % 5 == 0 else 0.1} for number in range(50)]
    assert all_told(DOMAIN_RUN, rows) == []


def test_a_loss_far_above_its_best_is_told():
    rows = [{"loss_segmentation": loss} for loss in (*(10 * [0.5]), *(10 * [1.5]))]
    (text,) = all_told(DOMAIN_RUN, rows)
    assert "and was 0.5 at its best" in text
    assert "the network unlearns" in text


def test_a_total_that_rises_as_the_discriminator_loses_is_not_told():
    rows = [{"loss_segmentation": 0.3, "loss": loss} for loss in (*(10 * [0.3]), *(20 * [1.0]))]
    assert all_told(DOMAIN_RUN, rows) == []


def test_one_bad_batch_is_not_told():
    rows = [{"loss_segmentation": 5.0 if number == 20 else 0.5} for number in range(40)]
    assert all_told(DOMAIN_RUN, rows) == []


def test_many_skipped_steps_are_told_and_what_to_do_follows_the_precision():
    rows = [{"skipped_steps": 12.0 * number} for number in range(8)]
    (text,) = all_told(DOMAIN_RUN, rows)
    assert text.startswith("48 of the last 200 steps were skipped")
    assert "Lower optimizer.learning_rate" in text
    (text,) = all_told(small_recipe(precision="16-mixed"), rows)
    assert "Set precision to bf16-mixed" in text


def test_steps_that_were_skipped_long_ago_are_not_told():
    """A scale of 16 bits is found by a few steps that overflow; the count stays."""
    rows = [{}, *(30 * [{"skipped_steps": 8.0}])]
    assert all_told(small_recipe(precision="16-mixed"), rows) == []


def test_what_has_ended_and_comes_back_is_told_again():
    slow, fast = {"data_wait": 0.6}, {"data_wait": 0.0}
    once = 10 * [slow] + 3 * [fast] + 10 * [slow]
    assert len(all_told(DOMAIN_RUN, once)) == 1
    twice = 10 * [slow] + 6 * [fast] + 10 * [slow]
    assert len(all_told(DOMAIN_RUN, twice)) == 2


def test_numbers_that_are_not_finite_are_not_judged():
    row = dict.fromkeys((*GOOD, "loss_segmentation", "data_wait", "num_valid_clusters"), math.nan)
    all_told(DOMAIN_RUN, 30 * [row])


@pytest.mark.parametrize("cut", [1, 4, 9, 14, 22])
def test_a_resumed_run_says_the_same(cut, caplog):
    rows = [
        *(6 * [GOOD | {"data_wait": 0.5, "loss_segmentation": 0.2}]),
        *(20 * [GUESS | {"data_wait": 0.1, "loss_segmentation": 1.2, "skipped_steps": 3.0}]),
    ]
    with caplog.at_level("INFO", "vsda"):
        whole = told(DOMAIN_RUN, rows)
        notes = caplog.messages.copy()
        caplog.clear()
        before, after = Watch(DOMAIN_RUN), Watch(DOMAIN_RUN)
        first = told(DOMAIN_RUN, rows[:cut], watch=before)
        after.restore(json.loads(json.dumps(before.state())))
        second = told(DOMAIN_RUN, rows[cut:], watch=after, first=cut + 1)
    assert sum(map(len, whole)) == 2
    assert len(notes) == 1
    assert first + second == whole
    assert caplog.messages == notes


def test_a_new_run_has_nothing_to_restore():
    watch = Watch(DOMAIN_RUN)
    watch.restore({})
    assert watch.state() == Watch(DOMAIN_RUN).state()


TEACHER_RUN = small_recipe(unlabelled={"loss": "teacher"})


def teacher(sure, objects):
    return {"pseudo_label_share": sure, "pseudo_object_share": objects}


def test_a_teacher_that_is_sure_and_finds_objects_is_not_spoken_of():
    assert all_told(TEACHER_RUN, 40 * [teacher(0.6, 0.1)]) == []


def test_a_teacher_that_is_sure_of_nothing_is_told_once():
    (text,) = all_told(TEACHER_RUN, 40 * [teacher(0.0004, 0.1)])
    assert text.startswith("the teacher is sure of 0.0 % of the pixels of unlabelled frames")
    assert "Lower unlabelled.confidence (0.968 now)" in text


def test_a_teacher_that_sees_background_alone_is_told_once():
    (text,) = all_told(TEACHER_RUN, 40 * [teacher(0.9, 0.0)])
    assert text.startswith("the teacher finds objects in 0 % of the pixels")


def test_the_first_steps_of_a_teacher_are_not_judged():
    assert all_told(TEACHER_RUN, 40 * [teacher(0.0, 0.0)], every=1) == []
