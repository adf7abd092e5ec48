import pytest

from tests.report.make_runs import CLUSTERED, PROVENANCE, evaluation, judge, make_run, runs_in
from vsda.report.arms import arm_verdict, arms, group_runs
from vsda.report.compare import compare

OTHER_IMAGES = PROVENANCE | {"images": [{"name": "coco-train", "index_sha256": "other"}]}


def _arms(folder, *specs):
    """Arms of runs made from (name, recipe, mean IoU or None)."""
    folders = [make_run(folder / name, recipe) for name, recipe, _ in specs]
    for path, (_, _, mean) in zip(folders, specs, strict=True):
        if mean is not None:
            judge(path, evaluation(mean))
    runs = runs_in(folders)
    return arms(runs, compare(runs))


def _two_by_two(folder, first, other):
    """Two arms of two seeds, given seed by seed as a command line lists them."""
    return _arms(
        folder,
        ("plain-seed0", {"seed": 0}, first[0]),
        ("clustered-seed0", CLUSTERED | {"seed": 0}, other[0]),
        ("plain-seed1", {"seed": 1}, first[1]),
        ("clustered-seed1", CLUSTERED | {"seed": 1}, other[1]),
    )


def test_runs_that_differ_in_seed_and_description_are_one_arm(tmp_path):
    folders = [
        make_run(tmp_path / f"r{seed}", {"seed": seed, "description": f"seed {seed}"})
        for seed in range(3)
    ]

    assert group_runs(runs_in(folders)) == ((0, 1, 2),)


@pytest.mark.parametrize(
    ("places", "groups"),
    [
        (("a/plain-seed1", "a/plain-seed10"), ((0, 1),)),
        (("a/plain-seed1", "a/plain-seed1"), ((0,), (1,))),
        (("a/plain-seed1", "a/other-seed10"), ((0,), (1,))),
    ],
)
def test_runs_that_start_each_from_the_run_of_its_seed_are_one_arm(tmp_path, places, groups):
    folders = [
        make_run(tmp_path / f"r{seed}", {"seed": seed, "init": {"weights": place}})
        for seed, place in zip((1, 10), places, strict=True)
    ]

    assert group_runs(runs_in(folders)) == groups


def test_another_setting_makes_another_arm(tmp_path):
    folders = [make_run(tmp_path / "a", {"seed": 0}), make_run(tmp_path / "b", CLUSTERED)]

    assert group_runs(runs_in(folders)) == ((0,), (1,))


def test_same_seed_twice_is_no_repetition(tmp_path):
    folders = [make_run(tmp_path / name) for name in "ab"]

    assert group_runs(runs_in(folders)) == ((0,), (1,))


def test_other_data_makes_another_arm(tmp_path):
    folders = [
        make_run(tmp_path / "a", {"seed": 0}),
        make_run(tmp_path / "b", {"seed": 1}, provenance=OTHER_IMAGES),
    ]

    assert group_runs(runs_in(folders)) == ((0,), (1,))


def test_arm_has_the_mean_and_the_sample_deviation(tmp_path):
    (arm,) = _arms(tmp_path, *[(f"r{n}", {"seed": n}, n / 10) for n in (1, 2, 3)])

    assert arm.letters == ("A", "B", "C")
    assert arm.scores[0].mean == pytest.approx(20.0)
    assert arm.scores[0].deviation == pytest.approx(10.0)


def test_single_run_has_no_deviation(tmp_path):
    (arm,) = _arms(tmp_path, ("r", {}, 0.5))

    assert (arm.scores[0].mean, arm.scores[0].deviation) == (50.0, None)


def test_arm_is_compared_with_the_first_seed_by_seed(tmp_path):
    first, other = _two_by_two(tmp_path, (0.20, 0.30), (0.29, 0.31))

    assert first.scores[0].difference is None
    assert other.positions == (1, 3)
    assert other.scores[0].difference == pytest.approx(5.0)
    assert (other.scores[0].num_ahead, other.scores[0].num_pairs) == (2, 2)


def test_arm_is_best_only_if_each_seed_beats_each_other_run(tmp_path):
    clear = _two_by_two(tmp_path / "a", (0.20, 0.30), (0.31, 0.40))
    mixed = _two_by_two(tmp_path / "b", (0.20, 0.30), (0.29, 0.40))

    assert [arm.scores[0].best for arm in clear] == [False, True]
    assert [arm.scores[0].best for arm in mixed] == [False, False]


def test_arm_alone_is_never_best(tmp_path):
    (arm,) = _arms(tmp_path, ("r0", {"seed": 0}, 0.5), ("r1", {"seed": 1}, 0.6))

    assert not arm.scores[0].best


def test_arms_that_were_not_judged_alike_are_not_compared(tmp_path):
    folders = [make_run(tmp_path / "a"), make_run(tmp_path / "b", CLUSTERED)]
    judge(folders[0], evaluation(0.1))
    judge(folders[1], evaluation(0.5, num_frames=9))
    runs = runs_in(folders)

    score = arms(runs, compare(runs))[1].scores[0]

    assert (score.difference, score.num_pairs, score.best) == (None, 0, False)


def test_runs_without_evaluation_do_not_count(tmp_path):
    first, other = _two_by_two(tmp_path, (0.2, None), (None, None))

    assert (first.scores[0].num_judged, first.scores[0].deviation) == (1, None)
    assert other.scores[0] is None


def test_verdict_names_the_arm_with_its_spread(tmp_path):
    found = _two_by_two(tmp_path, (0.20, 0.30), (0.31, 0.41))

    assert arm_verdict(found, 0) == (
        "B, D (clustered) is ahead with every run, at 36.0 ± 7.1 over 2 seeds, "
        "+11.0 points against A, C (plain)."
    )


def test_verdict_names_nobody_where_seeds_disagree(tmp_path):
    found = _two_by_two(tmp_path, (0.20, 0.30), (0.29, 0.41))

    assert arm_verdict(found, 0) == (
        "No clear winner: the runs of the arms overlap. The highest mean is "
        "35.0 ± 8.5 over 2 seeds, of B, D (clustered)."
    )


def test_verdict_on_the_first_arm_needs_no_difference(tmp_path):
    found = _two_by_two(tmp_path, (0.5, 0.6), (0.1, 0.2))

    assert arm_verdict(found, 0) == (
        "A, C (plain) is ahead with every run, at 55.0 ± 7.1 over 2 seeds."
    )


def test_verdict_on_one_judged_arm_is_what_it_reaches(tmp_path):
    found = _two_by_two(tmp_path, (0.2, None), (None, None))

    assert arm_verdict(found, 0) == "A, C (plain) reaches 20.0 over 1 seed."


def test_verdict_without_any_score_says_so(tmp_path):
    folders = [make_run(tmp_path / f"r{n}", {"seed": n}) for n in range(2)]
    for folder in folders:
        judge(folder, evaluation(None))
    runs = runs_in(folders)

    assert arm_verdict(arms(runs, compare(runs)), 0).startswith("No mean")


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("plain-seed0", "plain-seed1"), "plain"),
        (("plain_seed10", "plain_seed11"), "plain"),
        (("cats0", "cats1"), "cats"),
        (("seed0/run", "seed1/run"), "seed0, seed1"),
        (("x", "y"), "x, y"),
    ],
)
def test_arm_is_named_by_what_its_runs_have_in_common(tmp_path, names, name):
    paths = [path.split("/")[0] for path in names]
    (arm,) = _arms(tmp_path, *[(path, {"seed": n}, 0.5) for n, path in enumerate(paths)])

    assert arm.name == name
