import pytest

from tests.report.make_runs import PROVENANCE, evaluation, judge, make_run, runs_in
from vsda.report.provenance import differing_settings, facts, flatten, target_label_uses

WEIGHTS_LEAK = "The class weights were counted on the labels of the videos."


def _run(folder, recipe=None, **parts):
    return runs_in([make_run(folder / "run", recipe, **parts)])[0]


def test_nested_tables_become_dotted_keys_in_order():
    assert list(flatten({"b": {"y": 1, "x": "word"}, "a": [1, 2]})) == [
        ("a", "[1, 2]"),
        ("b.x", "word"),
        ("b.y", "1"),
    ]


def test_lists_of_tables_get_numbered_keys():
    assert list(flatten({"images": [{"name": "coco"}]})) == [("images.0.name", "coco")]


def test_empty_tables_stay_visible():
    assert list(flatten({"a": {}})) == [("a", "{}")]


def test_clean_run_has_no_warning(tmp_path):
    run = _run(tmp_path)

    assert target_label_uses(run) == ()


def test_class_weights_from_videos_are_told_once(tmp_path):
    leak = PROVENANCE | {"class_weights": {"source": "videos", "uses_target_labels": True}}
    run = _run(tmp_path, {"class_weights": {"source": "videos"}}, provenance=leak)

    assert target_label_uses(run) == (WEIGHTS_LEAK,)


def test_class_weights_from_videos_are_told_without_provenance(tmp_path):
    run = _run(tmp_path, {"class_weights": {"source": "videos"}}, provenance=None)

    assert target_label_uses(run) == (WEIGHTS_LEAK,)


def test_class_weights_from_labelled_videos_are_no_leak(tmp_path):
    recipe = {
        "class_weights": {"source": "videos"},
        "videos": [],
        "labelled_videos": ["davis-train"],
    }

    assert target_label_uses(_run(tmp_path, recipe, provenance=None)) == ()


def test_judged_on_the_labelled_videos_it_was_trained_with_is_told(tmp_path):
    folder = make_run(tmp_path / "run", {"labelled_videos": ["davis-val"]}, provenance=None)

    assert target_label_uses(runs_in([judge(folder, evaluation(videos={"bear": 0.5}))])[0]) == (
        "Judged on davis-val, whose labels it was trained with.",
    )


def test_images_whose_labels_are_unused_taught_nothing(tmp_path):
    recipe = {"images": ["davis-val"], "image_labels": False, "labelled_videos": ["other"]}
    folder = make_run(tmp_path / "run", recipe, provenance=None)

    assert target_label_uses(runs_in([judge(folder, evaluation(videos={"bear": 0.5}))])[0]) == ()


def test_any_flag_in_the_provenance_is_told(tmp_path):
    leak = PROVENANCE | {"model_choice": {"uses_target_labels": True}}

    assert target_label_uses(_run(tmp_path, provenance=leak)) == ("Used by model_choice.",)


def test_step_chosen_with_target_labels_is_told(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation(uses_target_labels=True))

    assert target_label_uses(runs_in([folder])[0]) == (
        "The step that was judged on davis-val was chosen with them.",
    )


@pytest.mark.parametrize("where", ["recipe", "provenance"])
def test_set_that_is_both_labelled_and_target_is_told(tmp_path, where):
    images = ["coco-train", "davis-train"]
    if where == "recipe":
        run = _run(tmp_path, {"images": images}, provenance=None)
    else:
        run = _run(tmp_path, provenance=PROVENANCE | {"images": [{"name": x} for x in images]})

    assert target_label_uses(run) == (
        "Trained with the labels of davis-train, which is also its set of videos.",
    )


def test_judging_on_videos_that_were_trained_on_is_told(tmp_path):
    folder = make_run(tmp_path / "run", {"images": ["davis-val"]})
    judge(folder, evaluation(videos={"bear": 0.5}))

    assert target_label_uses(runs_in([folder])[0]) == (
        "Judged on davis-val, whose labels it was trained with.",
    )


def test_settings_that_differ_are_listed_with_every_value(tmp_path):
    runs = runs_in(
        [
            make_run(tmp_path / "a"),
            make_run(tmp_path / "b", {"adversarial": {"loss": "domain", "mu": 1.0}}),
        ]
    )

    assert differing_settings(runs) == (
        ("adversarial.loss", ("none", "domain")),
        ("adversarial.reduction", ("mean", "not set")),
    )


def test_other_code_data_and_initial_weights_are_differences(tmp_path):
    other = PROVENANCE | {
        "git_revision": "fedc",
        "images": [{"name": "coco-train", "index_sha256": "cc" * 32, "folder": "/elsewhere"}],
        "initial_weights": {"sha256": "dd44", "file": "step.pt"},
    }
    runs = runs_in([make_run(tmp_path / "a"), make_run(tmp_path / "b", provenance=other)])

    assert differing_settings(runs) == (
        ("git_revision", ("0123456789abcdef", "fedc")),
        ("images.0.index_sha256", ("aa11", "cc" * 8)),
        ("initial_weights.sha256", ("not set", "dd44")),
    )


def test_long_values_are_cut_and_say_so(tmp_path):
    run = _run(tmp_path, {"long": "x" * 1000})

    value = dict(facts(run).recipe)["long"]

    assert value == "x" * 240 + "... (1000 letters; the rest is in the run folder)"


def test_descriptions_do_not_count_as_a_difference(tmp_path):
    runs = runs_in([make_run(tmp_path / "a"), make_run(tmp_path / "b", {"description": "x"})])

    assert differing_settings(runs) == ()


def test_missing_parts_are_told(tmp_path):
    assert facts(_run(tmp_path, log=None, provenance=None)).gaps == (
        "No provenance.json: versions, code and data of this run are unknown.",
        "No metrics.jsonl: the run logged nothing.",
    )


def test_unfinished_run_says_how_far_it_came(tmp_path):
    run = _run(tmp_path, log=[{"step": 40, "loss": 1.0}])

    assert facts(run).gaps == ("Its last trace is step 40 of 100: not finished.",)


def test_finished_run_has_no_gap(tmp_path):
    assert facts(_run(tmp_path, log=[{"step": 100, "loss": 1.0}])).gaps == ()


def test_cut_log_is_told(tmp_path):
    folder = make_run(tmp_path / "run", log=[{"step": 100, "loss": 1.0}])
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 1')

    assert facts(runs_in([folder])[0]).gaps == (
        "The last line of metrics.jsonl was cut off and is left out.",
    )
