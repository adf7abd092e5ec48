import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.report.make_runs import (
    DOG,
    PERSON,
    evaluation,
    judge,
    make_run,
    make_set,
    predict,
    runs_in,
    truth_mask,
)
from vsda.palette import class_colour
from vsda.report.pictures import gallery

BEAR, CAMEL = "davis/bear/00000", "davis/camel/00001"


def _gallery(folders, num_rows=8):
    return gallery("davis-val", runs_in(folders), num_rows)


def _run(folder, masks, **other):
    run = make_run(folder)
    return judge(run, evaluation(videos={"bear": 0.5}, predictions=predict(run, masks), **other))


def _colours(uri):
    rgba = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA")
    )
    return {tuple(pixel[:3]) for pixel in rgba[rgba[..., 3] > 0]}


def test_row_has_frame_truth_and_a_prediction_of_each_run(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    person = np.full((64, 96), PERSON, dtype=np.uint8)
    runs = [_run(tmp_path / "a", {BEAR: person}, place=place), make_run(tmp_path / "b")]

    found = _gallery(runs)

    (row,) = found.rows
    assert (row.key, row.size, found.notes) == (BEAR, (96, 64), ())
    assert row.frame.startswith("data:image/jpeg;base64,")
    assert {class_colour(PERSON), class_colour(DOG)} <= _colours(row.truth)
    assert _colours(row.predictions[0]) == {class_colour(PERSON)}
    assert row.predictions[1] is None


def test_frame_is_the_one_of_the_key(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    masks = {BEAR: truth_mask(0), CAMEL: truth_mask(3)}

    rows = _gallery([_run(tmp_path / "a", masks, place=place)]).rows

    assert [row.truth == row.predictions[0] for row in rows] == [True, True]
    assert rows[0].frame != rows[1].frame


def test_place_may_be_a_folder_with_several_sets_or_name_the_set(tmp_path):
    folder = make_set(make_set(tmp_path / "shards"), name="davis-train")
    runs = [
        _run(tmp_path / "a", {BEAR: truth_mask(0)}, place=str(folder)),
        _run(tmp_path / "b", {BEAR: truth_mask(0)}, place=f"{folder}/davis-val"),
    ]

    assert _gallery([runs[0]]) == _gallery([runs[1]])
    assert _gallery(runs[:1]).rows[0].frame


def test_truth_shows_only_classes_that_were_judged(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    blank = np.zeros((64, 96), dtype=np.uint8)
    run = _run(tmp_path / "a", {BEAR: blank}, place=place, classes=["background", "dog"])

    found = _gallery([run])

    assert class_colour(PERSON) not in _colours(found.rows[0].truth)
    assert [swatch.name for swatch in found.legend] == ["dog", "not counted"]


def test_frames_that_all_runs_predicted_are_preferred(tmp_path):
    runs = [
        _run(tmp_path / "a", {BEAR: truth_mask(0), CAMEL: truth_mask(0)}),
        _run(tmp_path / "b", {CAMEL: truth_mask(0)}),
    ]

    assert [row.key for row in _gallery(runs).rows] == [CAMEL]


def test_rows_are_spread_over_the_set_when_there_are_too_many(tmp_path):
    keys = [f"davis/bear/{number:05}" for number in range(8)]
    run = _run(tmp_path / "a", {key: truth_mask(0) for key in keys})

    assert [row.key for row in _gallery([run], num_rows=4).rows] == keys[::2]


def test_set_that_is_gone_is_told_and_predictions_stay(tmp_path):
    run = _run(tmp_path / "a", {BEAR: truth_mask(0)}, place=str(tmp_path / "gone"))

    found = _gallery([run])

    assert "The frames could not be read" in found.notes[0]
    assert "gone: no shards here" in found.notes[0]
    assert (found.rows[0].frame, found.rows[0].truth) == (None, None)
    assert found.rows[0].predictions[0]


def test_second_place_is_tried_where_the_first_is_gone(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    masks = {BEAR: truth_mask(0)}
    runs = [
        _run(tmp_path / "a", masks, place=str(tmp_path / "gone")),
        _run(tmp_path / "b", masks, place=place),
    ]

    assert _gallery(runs).rows[0].frame


def test_folder_without_the_set_is_told(tmp_path):
    place = make_set(tmp_path / "shards", name="other")
    run = _run(tmp_path / "a", {BEAR: truth_mask(0)}, place=str(place))

    assert _gallery([run]).notes == (f"{place} holds no set named davis-val.",)


def test_evaluation_without_place_is_told(tmp_path):
    run = _run(tmp_path / "a", {BEAR: truth_mask(0)})

    assert _gallery([run]).notes == ("The evaluation does not say where its frames lay.",)


def test_predicted_frame_that_the_set_lacks_is_told(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    run = _run(tmp_path / "a", {BEAR: truth_mask(0), "davis/x/1": truth_mask(0)}, place=place)

    assert _gallery([run]).notes == ("1 predicted frames are not in the set.",)


def test_damaged_set_is_told(tmp_path):
    place = make_set(tmp_path / "shards")
    tar = place / "davis-val-000000.tar"
    tar.write_bytes(tar.read_bytes()[:-512])
    run = _run(tmp_path / "a", {BEAR: truth_mask(0)}, place=str(place))

    assert "its index says" in _gallery([run]).damage[0]


def test_no_predictions_are_told(tmp_path):
    run = judge(make_run(tmp_path / "a"), evaluation())

    assert _gallery([run]).notes == (
        "No run saved predictions for this set, so there is nothing to look at.",
    )


def test_listed_prediction_that_is_gone_counts_as_none(tmp_path):
    runs = [_run(tmp_path / name, {BEAR: truth_mask(0)}) for name in "ab"]
    (runs[1] / "evaluation" / "davis-val.predictions" / f"{BEAR}.png").unlink()

    assert _gallery(runs).rows[0].predictions[1] is None


def test_prediction_path_relative_to_the_evaluation_folder_is_found(tmp_path):
    run = make_run(tmp_path / "a")
    listed = predict(run, {BEAR: truth_mask(0)})
    short = [{"key": BEAR, "png": listed[0]["png"].removeprefix("evaluation/")}]
    judge(run, evaluation(predictions=short))

    assert _gallery([run]).rows[0].predictions[0]


@pytest.mark.parametrize("png", ["../../secret.png", "/etc/passwd"])
def test_prediction_outside_of_the_run_is_not_shown(tmp_path, png):
    run = judge(make_run(tmp_path / "a"), evaluation(predictions=[{"key": BEAR, "png": png}]))

    found = _gallery([run])

    assert found.rows == ()
    assert "lies outside of the run folder" in found.damage[0]


def test_damaged_prediction_is_named_and_the_others_are_shown(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    run = _run(tmp_path / "a", {BEAR: truth_mask(0), CAMEL: truth_mask(3)}, place=place)
    png = run / "evaluation" / "davis-val.predictions" / f"{BEAR}.png"
    png.write_bytes(png.read_bytes()[:50])

    found = _gallery([run])

    assert [row.predictions[0] is None for row in found.rows] == [True, False]
    assert found.rows[0].truth
    assert "00000.png" in found.damage[0]
    assert "run `vsda evaluate` again" in found.damage[0]


def test_damaged_prediction_without_a_frame_leaves_no_row(tmp_path):
    run = _run(tmp_path / "a", {BEAR: truth_mask(0)})
    (run / "evaluation" / "davis-val.predictions" / f"{BEAR}.png").write_bytes(b"no png")

    assert _gallery([run]).rows == ()


def test_share_of_right_pixels_leaves_out_what_is_not_counted(tmp_path):
    place = str(make_set(tmp_path / "shards"))
    truth = truth_mask(0)
    half = truth.copy()
    half[:, :48] = 200  # wrong in the left half
    runs = [
        _run(tmp_path / "a", {BEAR: np.where(truth == 255, PERSON, truth)}, place=place),
        _run(tmp_path / "b", {BEAR: half}, place=place),
        _run(tmp_path / "c", {BEAR: truth[:-1]}, place=place),
    ]

    right = _gallery(runs).rows[0].right

    counted = (truth != 255).sum()
    assert right[0] == 1
    assert right[1] == pytest.approx((truth[:, 48:] != 255).sum() / counted)
    assert right[2] is None
