import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acquire.conftest import published
from tests.acquire.made_videos import make_video, make_world, read, rows_of, youtube_id
from tests.fetch.servers import FaultyServer
from vsda.acquire.estimate import estimate
from vsda.acquire.layout import Layout
from vsda.acquire.locks import hold
from vsda.acquire.piece import PieceJob, _wanted_ms
from vsda.acquire.plan import make_plan
from vsda.acquire.publish import check_settings, wipe
from vsda.acquire.run import _open_state, acquire
from vsda.acquire.state import PieceRecord, State, read_state
from vsda.acquire.withdraw import withdraw
from vsda.errors import ExitCode, Outcome, ShardError, UsageError, VsdaError
from vsda.fetch.rows import load_rows
from vsda.shards.index import open_set
from vsda.shards.read import decode_image, iterate_samples
from vsda.shards.verify import verify
from vsda.storage import exclusive


@pytest.fixture(scope="module")
def whole(world, tmp_path_factory):
    """The set as an undisturbed run with one worker makes it."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture
def undisturbed(whole, options):
    if not any(whole.iterdir()):
        acquire(options(out=str(whole), num_workers=1))
    return published(whole)


def samples(folder):
    return list(iterate_samples(open_set(f"{folder}/ytbb-train")))


def report(folder):
    return {row.video: row for row in load_rows(f"{folder}/ytbb-train.report.jsonl")}


def test_every_tick_of_every_video_shows_the_frame_of_its_time(options):
    done = acquire(options())
    assert done.exit_code is ExitCode.PARTIAL
    assert done.outcomes == {"gone": 1, "ok": 7}
    frames = samples(options().out)
    assert len(frames) == 7 * 31
    for sample in frames:
        number = int(sample.facts.sequence.removeprefix("v-vid_-").removesuffix("-000"))
        assert read(decode_image(sample.jpg)) == number * 256 + sample.facts.tick
        assert sample.facts.timestamp_ms == sample.facts.tick * 1000 / 30
        assert sample.facts.held is False
    assert verify(open_set(options().out)) == []


def test_boxes_come_with_the_frames_of_their_time_and_with_no_others(options):
    acquire(options())
    labelled = [sample for sample in samples(options().out) if sample.facts.boxes]
    assert {sample.facts.tick for sample in labelled} == {0, 30}
    assert labelled[0].facts.boxes == (
        {
            "class": 1,
            "object_id": 0,
            "presence": "present",
            "timestamp_ms": 0,
            "xmin": 0.1,
            "xmax": 0.6,
            "ymin": 0.2,
            "ymax": 0.9,
        },
    )


@pytest.mark.parametrize("num_workers", [1, 3])
def test_the_number_of_workers_changes_no_byte(options, undisturbed, num_workers):
    acquire(options(num_workers=num_workers))
    assert published(options().out) == undisturbed


def test_a_second_run_asks_for_nothing_but_the_mirrors_gaps_and_changes_no_file(options):
    acquire(options())
    before = {path: path.stat().st_mtime_ns for path in Path(options().out).glob("*.tar")}
    acquire(options())
    assert {path: path.stat().st_mtime_ns for path in Path(options().out).glob("*.tar")} == before


def test_a_video_that_comes_back_changes_its_shard_alone(options, world, tmp_path):
    acquire(options())
    before = published(options().out)
    mirror = tmp_path / "fuller"
    shutil.copytree(world / "videos", mirror)
    make_video(mirror / f"{youtube_id(3)}.mp4", 3, 60)
    source = replace(options().source, mirror=str(mirror))
    done = acquire(options(source=source))
    assert done.exit_code is ExitCode.DONE
    after = published(options().out)
    changed = {name for name in after if before.get(name) != after[name]}
    assert len([name for name in changed if name.endswith(".tar")]) == 1
    acquire(options(source=source, out=str(tmp_path / "at-once")))
    assert published(tmp_path / "at-once") == after


@pytest.mark.slow
def test_a_larger_limit_goes_on_with_the_same_set(options, undisturbed):
    for limit in (2, 4, 7, None):
        acquire(options(limit=limit))
    ours = published(options().out)
    assert ours == undisturbed


def test_a_smaller_limit_is_refused(options):
    acquire(options(limit=5))
    with pytest.raises(ShardError, match="give the old limit or a larger one"):
        acquire(options(limit=1))


def test_the_parts_of_an_array_give_the_same_set(options, undisturbed):
    for number in (1, 2, 0):
        part = acquire(options(task=(number, 3)))
        assert part.index is None
    acquire(options())
    assert published(options().out) == undisturbed


def test_a_part_and_the_whole_shut_each_other_out(options):
    layout = Layout(options().out, "train")
    with (
        exclusive(layout.task_lock(0, 2)),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        acquire(options())
    with (
        exclusive(layout.lock),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        acquire(options(task=(0, 2)))


def test_other_settings_are_refused_with_the_difference_and_replaced_on_demand(options):
    acquire(options())
    with pytest.raises(ShardError, match=r"jpeg_quality was 90, is 50; give --overwrite"):
        acquire(options(jpeg_quality=50))
    acquire(options(jpeg_quality=50, overwrite=True))
    assert open_set(options().out).index.settings["jpeg_quality"] == 50
    assert verify(open_set(options().out)) == []


def test_frames_are_made_smaller_but_never_larger(options):
    acquire(options(short_side_px=16))
    assert {(s.facts.width_px, s.facts.height_px) for s in samples(options().out)} == {(64, 16)}
    acquire(options(short_side_px=500, out=options().out + "-large"))
    sizes = {(s.facts.width_px, s.facts.height_px) for s in samples(options().out + "-large")}
    assert sizes == {(128, 32)}


def test_whole_videos_are_taken_with_span_full(options):
    acquire(options(span="full"))
    assert len(samples(options().out)) == 7 * 60


def test_segments_apart_in_time_are_sequences_of_one_video(options, tmp_path):
    folder = make_world(tmp_path / "w", num_videos=1, missing=(), seconds=6)
    rows = rows_of(youtube_id(0), 0, 1) + rows_of(youtube_id(0), 4, 5, object_id=1)
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    source = replace(options().source, mirror=str(folder / "videos"))
    acquire(options(annotations=folder / "rows.csv", source=source))
    frames = samples(options().out)
    names = {sample.facts.sequence for sample in frames}
    assert names == {f"v-{youtube_id(0)}-000", f"v-{youtube_id(0)}-001"}
    assert [s.facts.tick for s in frames] == [*range(31), *range(120, 151)]


def test_a_page_in_place_of_a_video_is_told_and_harms_no_other(options, world, tmp_path):
    mirror = tmp_path / "bad"
    shutil.copytree(world / "videos", mirror)
    (mirror / f"{youtube_id(5)}.mp4").write_text("<html><body>Not found</body></html>")
    done = acquire(options(source=replace(options().source, mirror=str(mirror))))
    assert done.outcomes == {"gone": 1, "not-a-video": 1, "ok": 6}
    assert len(samples(options().out)) == 6 * 31
    assert "found a web page" in report(options().out)[youtube_id(5)].message


def test_a_video_shorter_than_its_rows_is_too_short(options, tmp_path):
    folder = make_world(tmp_path / "w", num_videos=2, missing=(), seconds=4)
    make_video(folder / "videos" / f"{youtube_id(1)}.mp4", 1, 30)
    source = replace(options().source, mirror=str(folder / "videos"))
    done = acquire(options(source=source, annotations=folder / "rows.csv"))
    assert done.outcomes == {"ok": 1, "too-short": 1}
    assert (
        "ends at 1.0 s, its last annotation is at 3.0 s"
        in report(options().out)[youtube_id(1)].message
    )


def test_boxes_after_the_end_of_a_video_are_counted_not_hidden(options, tmp_path):
    folder = make_world(tmp_path / "w", num_videos=1, missing=(), seconds=2)
    make_video(folder / "videos" / f"{youtube_id(0)}.mp4", 0, 20)
    source = replace(options().source, mirror=str(folder / "videos"))
    done = acquire(options(source=source, annotations=folder / "rows.csv"))
    assert done.exit_code is ExitCode.DONE
    assert report(options().out)[youtube_id(0)].facts["boxes_without_frame"] == 1
    assert open_set(options().out).index.notes == (
        "1 boxes belong to times at which their videos show no frame any more",
    )


@pytest.mark.parametrize("times_ms", [(713, 1713), (715,), (1, 34), (0, 999)])
def test_labels_between_two_ticks_are_with_the_frame_that_is_shown_then(
    times_ms, options, tmp_path
):
    folder = make_world(tmp_path / "w", num_videos=1, missing=())
    rows = [f"{youtube_id(0)},{time_ms},0,person,0,present,0,1,0,1" for time_ms in times_ms]
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    source = replace(options().source, mirror=str(folder / "videos"))
    acquire(options(annotations=folder / "rows.csv", source=source))
    frames = samples(options().out)
    found = {box["timestamp_ms"]: sample for sample in frames for box in sample.facts.boxes}
    assert found.keys() == set(times_ms)
    for time_ms, sample in found.items():
        assert read(decode_image(sample.jpg)) == time_ms * 30 // 1000


def test_not_one_video_is_a_failure_that_leaves_a_report_and_no_set(options, tmp_path):
    (tmp_path / "empty").mkdir()
    done = acquire(options(source=replace(options().source, mirror=str(tmp_path / "empty"))))
    assert done.exit_code is ExitCode.FAILED
    assert done.index is None
    assert {row.outcome for row in report(options().out).values()} == {Outcome.GONE}


def test_a_mirror_that_is_not_there_is_told_before_anything(options, tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        acquire(options(source=replace(options().source, mirror=str(tmp_path / "nowhere"))))


@pytest.mark.slow
def test_kept_videos_are_looked_at_first(options, world, tmp_path):
    kept = tmp_path / "kept"
    shutil.copytree(world / "videos", kept)
    (tmp_path / "empty").mkdir()
    source = replace(options().source, mirror=str(tmp_path / "empty"), kept=str(kept))
    assert acquire(options(source=source)).outcomes == {"gone": 1, "ok": 7}


def test_ids_that_a_ledger_calls_dead_are_not_asked_for(options):
    done = acquire(options(skip=frozenset({youtube_id(3), youtube_id(4)})))
    assert done.outcomes == {"ok": 6}
    assert done.exit_code is ExitCode.PARTIAL


@pytest.mark.slow
def test_a_tar_that_was_deleted_or_cut_is_made_again(options, undisturbed):
    acquire(options())
    tars = sorted(Path(options().out).glob("*.tar"))
    tars[0].unlink()
    os.truncate(tars[1], 1000)
    acquire(options())
    assert published(options().out) == undisturbed


def test_the_index_says_what_is_left_and_what_made_it(options):
    acquire(options(limit=4))
    index = open_set(options().out).index
    assert index.dataset == "ytbb"
    assert index.settings["limit"] == 4
    assert index.settings["fps"] == 30
    assert sum(index.outcomes.values()) == 4
    assert index.sequences[0].classes == (1,)


@pytest.mark.slow
def test_an_estimate_counts_what_is_left_and_writes_nothing(options):
    found = estimate(options(manners=replace(options().manners, videos_per_hour=4.0)))
    assert (found.num_videos, found.num_settled, found.num_shards) == (8, 0, 3)
    assert found.num_frames == 8 * 31
    assert found.hours == 2.0
    assert not Path(options().out).exists()
    acquire(options())
    assert estimate(options()).num_settled == 7


def test_reports_are_json_lines_with_one_row_for_each_video(options):
    acquire(options())
    lines = (Path(options().out) / "ytbb-train.report.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 8
    assert {row["outcome"] for row in rows} == {"ok", "gone"}
    assert rows[0]["facts"]["codec"] == "h264"
    assert rows[0]["num_frames"] == 31


def test_both_decoders_give_the_same_tars(options, undisturbed):
    acquire(options(decoder="pyav"))
    ours = published(options().out)
    assert {row.facts["decoder"] for row in report(options().out).values() if row.facts} == {"pyav"}
    for name, data in undisturbed.items():
        assert name.endswith((".json", ".md")) or ours[name] == data


@pytest.mark.slow
def test_tars_that_no_index_lists_go_when_the_set_is_published(options, undisturbed):
    out = Path(options().out)
    out.mkdir()
    for name in ("ytbb-train-000077.tar", "ytbb-train-000077.idx", "ytbb-train-000001.tar.part"):
        (out / name).write_bytes(b"left by a killed run")
    (out / "ytbb-training-000000.tar").write_bytes(b"of another set")
    acquire(options())
    (out / "ytbb-training-000000.tar").unlink()
    assert published(out) == undisturbed


@pytest.mark.slow
def test_a_scratch_folder_that_cannot_be_used_charges_no_video(options, world, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with FaultyServer(world / "videos") as server:
        source = replace(options().source, mirror=server.url)
        with pytest.raises(VsdaError, match="Not a directory"):
            acquire(options(source=source, scratch=tmp_path / "file"))
        assert acquire(options(source=source)).outcomes == {"gone": 1, "ok": 7}


def test_two_sets_with_one_scratch_folder_keep_apart(options, tmp_path):
    first, second = (Layout(str(tmp_path / name), "train") for name in ("a", "b"))
    assert first.scratch(tmp_path) != second.scratch(tmp_path)
    assert Layout("s3://a/x", "train").scratch(None) != Layout("s3://b/x", "train").scratch(None)


@pytest.mark.slow
def test_originals_are_kept_also_where_out_is_relative(options, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with FaultyServer(world / "videos") as server:
        source = replace(options().source, mirror=server.url, kept="out/ytbb-train-videos")
        acquire(options(out="out", source=source))
    assert len(list((tmp_path / "out" / "ytbb-train-videos").iterdir())) == 7


@pytest.mark.slow
def test_overwrite_goes_on_where_nothing_differs(options):
    acquire(options())
    before = {path: path.stat().st_mtime_ns for path in Path(options().out).glob("*.tar")}
    acquire(options(overwrite=True))
    assert {path: path.stat().st_mtime_ns for path in Path(options().out).glob("*.tar")} == before


@pytest.mark.slow
def test_overwrite_remembers_who_is_dead_even_if_it_is_killed(options, world, tmp_path):
    mirror = tmp_path / "short"
    shutil.copytree(world / "videos", mirror)
    ends_s = [5, 5, 1, 1, 1, 1, 1, 1]
    rows = [
        row for number, end_s in enumerate(ends_s) for row in rows_of(youtube_id(number), 0, end_s)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")
    source = replace(options().source, mirror=str(mirror))
    changed = {"annotations": tmp_path / "rows.csv", "source": source}
    acquire(options(**changed))
    dead = {name for name, row in report(options().out).items() if row.outcome == "too-short"}
    assert dead == {youtube_id(0), youtube_id(1)}
    plan = make_plan(options(**changed, jpeg_quality=50))
    with pytest.raises(RuntimeError):
        _open_state(plan, _fail, overwrite=True)
    wipe(plan.layout, read_state(plan.layout).rows)
    assert report(options().out).keys() >= dead
    assert acquire(options(**changed, jpeg_quality=50)).outcomes["too-short"] == len(dead)


def _fail():
    raise RuntimeError


@pytest.mark.slow
def test_pieces_without_settings_are_never_taken_for_ours(options):
    acquire(options())
    layout = Layout(options().out, "train")
    Path(layout.pieces).mkdir(parents=True)
    record = PieceRecord(
        row=report(options().out)[youtube_id(0)], piece=open_set(layout.out).index.shards[0]
    )
    Path(layout.index).unlink()
    Path(layout.piece_record(youtube_id(0))).write_bytes(record.to_json())
    shutil.copy(Path(layout.out) / record.piece.url, layout.piece(youtube_id(0)))
    with pytest.raises(ShardError, match="nobody knows what the files beside it were made with"):
        acquire(options())


@pytest.mark.parametrize("content", ["{half", "[]"])
def test_damaged_settings_are_told(content, options):
    layout = Layout(options().out, "train")
    Path(layout.staging).mkdir(parents=True)
    Path(layout.settings).write_text(content)
    with pytest.raises(ShardError, match=r"settings\.json: damaged"):
        acquire(options())


@pytest.mark.slow
def test_a_tar_with_wrong_bytes_is_made_again_when_its_shard_changes(
    options, world, undisturbed, tmp_path
):
    mirror = tmp_path / "fuller"
    shutil.copytree(world / "videos", mirror)
    gap = mirror / f"{youtube_id(6)}.mp4"
    gap.rename(tmp_path / "aside.mp4")
    source = replace(options().source, mirror=str(mirror))
    acquire(options(source=source))
    for path in Path(options().out).glob("*.tar"):
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 1
        path.write_bytes(data)
    (tmp_path / "aside.mp4").rename(gap)
    acquire(options(source=source))
    shard = report(options().out)[youtube_id(6)].shard
    name = f"ytbb-train-{shard:06d}.tar"
    assert (Path(options().out) / name).read_bytes() == undisturbed[name]


def test_an_unfinished_set_refuses_a_smaller_limit_too(options):
    layout = Layout(options().out, "train")
    plan = make_plan(options())
    state = State(settings=dict(plan.settings), pieces={youtube_id(n): None for n in range(8)})
    with pytest.raises(ShardError, match="give the old limit"):
        check_settings(state, make_plan(options(limit=2)))
    assert layout.name == "ytbb-train"


@pytest.mark.slow
def test_a_part_without_shards_is_done(options):
    acquire(options())
    part = acquire(options(task=(5, 6)))
    assert (part.exit_code, part.num_videos, part.num_shards) == (ExitCode.DONE, 0, 0)


def test_parts_of_different_divisions_shut_each_other_out(options):
    layout = Layout(options().out, "train")
    with (
        exclusive(layout.task_lock(0, 4)),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        acquire(options(task=(0, 2)))


def test_many_parts_may_start_at_once(options):
    layout = Layout(options().out, "train")
    failed = []

    def enter(number):
        try:
            with hold(layout, (number, 16)):
                pass
        except VsdaError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.slow
def test_a_set_whose_tars_are_gone_and_cannot_be_had_has_no_index(options, tmp_path):
    acquire(options())
    for path in Path(options().out).glob("*.tar"):
        path.unlink()
    (tmp_path / "empty").mkdir()
    done = acquire(options(source=replace(options().source, mirror=str(tmp_path / "empty"))))
    assert done.exit_code is ExitCode.FAILED
    assert not Path(Layout(options().out, "train").index).exists()


def test_whole_videos_have_the_time_that_their_length_needs(options, tmp_path):
    folder = make_world(tmp_path / "w", num_videos=1, missing=(), seconds=8)
    job = PieceJob(
        path=folder / "videos" / f"{youtube_id(0)}.mp4",
        video=make_plan(options()).annotations.video(youtube_id(0)),
        split="train",
        content=options(span="full").content,
        target=str(tmp_path / "piece.tar"),
    )
    assert _wanted_ms(job, options().limits) == 8000
    assert _wanted_ms(replace(job, content=options().content), options().limits) == 1000


@pytest.mark.slow
def test_a_video_that_was_taken_out_on_purpose_is_done_with(options, tmp_path):
    folder = make_world(tmp_path / "w", num_videos=2, missing=())
    source = replace(options().source, mirror=str(folder / "videos"))
    changed = {"annotations": folder / "rows.csv", "source": source}
    assert acquire(options(**changed)).exit_code is ExitCode.DONE
    withdraw(f"{options().out}/ytbb-train", videos=[youtube_id(0)], sequences=[])
    done = acquire(options(**changed))
    assert done.outcomes == {"ok": 1, "withdrawn": 1}
    assert done.exit_code is ExitCode.DONE
    overwritten = acquire(options(**changed, jpeg_quality=50, overwrite=True))
    assert overwritten.outcomes == {"ok": 1, "withdrawn": 1}
