import re
from html.parser import HTMLParser

import pytest

from tests.report.make_runs import (
    CLUSTERED,
    PROVENANCE,
    evaluation,
    judge,
    make_run,
    make_set,
    predict,
    truth_mask,
)
from vsda.errors import RunError
from vsda.report.html import write_report

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}"
VOID = {"meta", "br", "img", "input", "wbr", "path", "circle"}


class _Page(HTMLParser):
    """Text, tags and attributes of a page; checks that tags are closed in order."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.attributes, self.words, self._open = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def two_runs(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    log = [{"step": step, "loss_segmentation": 1 / step} for step in range(10, 101, 10)]
    more = [row | {"loss_adversarial": 0.6, "accuracy_source": 0.7} for row in log]
    folders = []
    for name, recipe, mean, rows in (
        ("source", {}, 0.208, log),
        ("clustered", CLUSTERED, 0.316, more),
    ):
        run = make_run(tmp_path / "runs" / name, recipe, rows)
        listed = predict(run, {"davis/bear/00000": truth_mask(1)})
        videos = {"bear": mean, "camel": 2 * mean}
        judge(run, evaluation(mean, videos, place=place, predictions=listed))
        judge(run, evaluation(0.5, name="coco-val"))
        folders.append(run)
    return folders


def _page(folders, **options):
    out = folders[0].parent / "report.html"
    write_report(folders, out, **options)
    return _Page(out)


def test_page_tells_scores_differences_and_verdict(two_runs):
    text = _page(two_runs).text

    assert "B (clustered) is ahead at 31.6, +10.8 points against A (source)" in text
    assert "A (source) and B (clustered) are level at 50.0" in text
    assert "20.8" in text
    assert "+10.8 to A" in text
    assert "labels of the target domain" not in text


def test_best_is_marked_once_and_not_where_runs_are_level(two_runs):
    assert _page(two_runs).words.count("best") == 1


def test_page_explains_itself(two_runs):
    text = _page(two_runs).text

    assert "vsda trains networks that say for every pixel of a video frame what it shows" in text
    assert "this page cannot say which differences chance alone would make" in text


def test_title_is_the_given_one_in_head_and_heading(two_runs):
    assert _page(two_runs, title="My <b>runs").words.count("My <b>runs") == 2


@pytest.mark.parametrize(("number", "title"), [(1, "Run source"), (2, "2 runs compared")])
def test_title_without_one_names_the_runs(two_runs, number, title):
    assert title in _page(two_runs[:number]).words


def test_settings_that_differ_stand_side_by_side(two_runs):
    assert "adversarial. loss none clustered" in _page(two_runs).text


def test_videos_stand_in_a_collapsible_table_worst_first(two_runs):
    text = _page(two_runs).text

    assert "2 sequences, worst first" in text
    assert "bear 2 20.8 31.6 +10.8 camel 2 41.6 63.2 +21.6" in text


def test_page_needs_no_network(two_runs):
    page = _page(two_runs)

    loaded = [value for name, value in page.attributes if name in {"src", "href", "data"}]
    assert loaded
    assert all(value.startswith(("data:image/", "#")) for value in loaded)
    assert "link" not in page.tags
    urls = re.findall(r"url\((.{12})", (two_runs[0].parent / "report.html").read_text())
    assert urls
    assert set(urls) == {"data:image/j"}


def test_pictures_can_be_left_out(two_runs):
    page = _page(two_runs, num_pictures=0)

    assert "img" not in page.tags
    assert "Pictures" not in page.words


def test_same_runs_give_the_same_bytes(two_runs, tmp_path):
    write_report(two_runs, tmp_path / "1.html")
    write_report(two_runs, tmp_path / "2.html")

    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()


def test_every_text_of_a_run_is_escaped(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    run = make_run(
        tmp_path / HOSTILE.replace("/", "_"),
        {"description": HOSTILE, HOSTILE: {HOSTILE: HOSTILE}},
        [{"step": 1, HOSTILE: 1.0}],
        PROVENANCE | {"versions": {HOSTILE: HOSTILE}, HOSTILE: {"uses_target_labels": True}},
    )
    listed = predict(run, {"davis/bear/00000": truth_mask(0)})
    judge(
        run,
        evaluation(
            videos={HOSTILE: 0.5},
            classes=["background", HOSTILE],
            iou={"background": 0.5, HOSTILE: 0.5},
            place=place,
            predictions=[listed[0] | {"key": HOSTILE}],
        ),
    )
    folders = [run, make_run(tmp_path / "other")]

    page = _page(folders, title=HOSTILE)

    assert page.tags.count("script") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(value.startswith("data:image/") for name, value in page.attributes if name == "src")
    # title, heading, description, setting, recipe (key and value), versions (key and value),
    # warning in table and provenance, class, sequence, key of the picture, chart
    assert sum(HOSTILE in word for word in page.words) >= 14


def test_set_name_that_is_hostile_is_escaped(tmp_path):
    run = judge(make_run(tmp_path / "run"), evaluation())
    path = run / "evaluation" / "davis-val.json"
    path.write_text(path.read_text().replace('"davis-val"', '"<script>x</script>"'))

    page = _page([run])

    assert page.tags.count("script") == 1
    assert "<script>x</script>" in page.text


def test_run_without_evaluation_says_so_with_the_command(tmp_path):
    page = _page([make_run(tmp_path / "my run")])

    assert "has not been judged on any set" in page.text
    assert f"vsda evaluate '{tmp_path}/my run' SHARDS" in page.text
    assert "Classes" not in page.words


def test_set_that_one_run_lacks_is_told_with_the_command(two_runs):
    (two_runs[1] / "evaluation" / "davis-val.json").unlink()
    shards = two_runs[0].parent.parent / "shards"

    text = _page(two_runs).text

    assert f"Run B was not judged on davis-val: vsda evaluate {two_runs[1]} {shards}" in text
    assert "not judged" in text


def test_run_without_log_or_provenance_says_so(tmp_path):
    text = _page([make_run(tmp_path / "run", log=None, provenance=None)]).text

    assert "No run logged any numbers." in text
    assert "No provenance.json" in text


def test_target_labels_are_warned_of_in_table_provenance_and_verdict(two_runs):
    make_run(two_runs[1], CLUSTERED | {"class_weights": {"source": "videos"}})

    text = _page(two_runs).text

    assert text.count("The class weights were counted on the labels of the videos.") == 2
    assert text.count("It used labels of the target domain.") == 1
    assert "Labels of the target domain were used." in text


def test_runs_that_were_not_judged_alike_carry_the_caution(two_runs):
    judge(two_runs[1], evaluation(0.9, num_frames=9))

    assert "Not judged alike" in _page(two_runs).text


@pytest.fixture
def two_arms(tmp_path):
    """Two arms of two seeds, the second arm ahead with both; pictures of the first seed alone."""
    place = str(make_set(tmp_path / "shards"))
    folders = []
    for seed in range(2):
        for name, recipe, mean in (("plain", {}, 0.2), ("clustered", CLUSTERED, 0.4)):
            log = [{"step": step, "loss": mean} for step in (1, 2)]
            run = make_run(tmp_path / f"{name}-seed{seed}", recipe | {"seed": seed}, log)
            listed = predict(run, {} if seed else {"davis/bear/00000": truth_mask(1)})
            judge(run, evaluation(mean + seed / 10, place=place, predictions=listed))
            folders.append(run)
    return folders


def test_repeated_seeds_are_averaged_on_the_page(two_arms):
    text = _page(two_arms).text

    assert "A C plain Images only. 25.0 ± 7.1" in text
    assert "+20.0 to A, C ahead of it at 2 of 2 seeds" in text
    assert "B, D (clustered) is ahead with every run, at 45.0 ± 7.1 over 2 seeds" in text
    assert "cannot say" not in text


def test_best_is_marked_for_an_arm_not_for_its_lucky_run(two_arms):
    page = _page(two_arms)

    assert page.words.count("best") == 1
    assert "best 45.0 ± 7.1" in page.text


def test_seeds_of_an_arm_share_its_colour_and_the_second_is_dashed(two_arms):
    classes = [value for name, value in _page(two_arms).attributes if name == "class"]

    curves = [value for value in classes if value.startswith("curve")]
    assert curves == ["curve run-0", "curve run-1", "curve run-0 again", "curve run-1 again"]


def test_pictures_show_the_first_run_of_each_arm(two_arms):
    page = _page(two_arms)

    shown = [value for name, value in page.attributes if name == "alt"]
    assert shown == [
        f"{what} for davis/bear/00000"
        for what in ("ground truth", "plain-seed0", "clustered-seed0")
    ]
    assert "Of each arm the first run." in page.text


def test_settings_are_compared_between_arms(two_arms):
    text = _page(two_arms).text

    assert "What differs between the arms" in text
    assert "seed 0 1" not in text


def test_nine_runs_use_the_first_colour_again_but_dashed(tmp_path):
    folders = [
        make_run(tmp_path / f"r{n}", {"steps": 1 + n}, [{"step": 1, "loss": n}]) for n in range(9)
    ]

    classes = [value for name, value in _page(folders).attributes if name == "class"]

    assert "curve run-0" in classes
    assert "curve run-0 again" in classes


def test_page_with_eight_rows_of_video_frames_stays_small(tmp_path):
    names = [f"s{number}" for number in range(8)]
    place = str(make_set(tmp_path / "shards", sequences=names, length=1))
    run = make_run(tmp_path / "run")
    listed = predict(run, {f"davis/{name}/00000": truth_mask(0) for name in names})
    judge(run, evaluation(place=place, predictions=listed))

    report = write_report([run], tmp_path / "report.html")

    assert report.size_bytes == report.path.stat().st_size < 2_000_000


def test_bad_run_leaves_an_older_page_alone(tmp_path):
    out = tmp_path / "report.html"
    out.write_text("older")

    with pytest.raises(RunError):
        write_report([tmp_path / "gone"], out)

    assert out.read_text() == "older"


def test_report_lists_what_is_missing(two_runs, tmp_path):
    (two_runs[1] / "evaluation" / "coco-val.json").unlink()
    (two_runs[0] / "provenance.json").unlink()

    report = write_report(two_runs, tmp_path / "report.html")

    assert report.missing == (
        f"B: not judged; vsda evaluate {two_runs[1]} SHARDS",
        "A: No provenance.json: versions, code and data of this run are unknown.",
    )
