import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acquire.conftest import published
from tests.acquire.made_videos import youtube_id
from tests.fake_worlds import davis_of_many_shards
from tests.places import memory  # noqa: F401  fixture
from tests.shards.frames import copy_files, frame, make_set
from tests.shards.test_change import die_at
from vsda.acquire.layout import Layout
from vsda.acquire.run import acquire
from vsda.acquire.state import PieceRecord, ShardRecord, read_state
from vsda.acquire.withdraw import withdraw
from vsda.errors import Outcome, ShardError, UsageError, VsdaError
from vsda.fetch.rows import dump_rows, load_rows
from vsda.prepare import PrepareOptions, prepare
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples
from vsda.shards.verify import verify_place
from vsda.storage import exclusive, list_names, read_bytes

GONE = youtube_id(3)
ONE = youtube_id(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Where the set of `out` is made, once."""
    return tmp_path_factory.mktemp("made") / "out"


@pytest.fixture
def out(options, world, made, tmp_path):
    """A finished set of seven videos, with their originals; the mirror lacks one."""
    if not made.exists():
        acquire(options(out=str(made)))
        shutil.copytree(world / "videos", made / "ytbb-train-videos")
    return shutil.copytree(made, tmp_path / "set")


def remove(out, *videos, **more):
    return withdraw(str(out), **{"videos": videos, "sequences": ()} | more)


def row_of(out, name):
    return {row.video: row for row in load_rows(out / "ytbb-train.report.jsonl")}[name]


def samples(out):
    return {one.key: (one.jpg, one.facts) for one in iterate_samples(open_set(str(out)))}


def check_whole(out):
    assert [row for verdict in verify_place(str(out)) for row in verdict.problems] == []


class TestVideos:
    def test_every_trace_goes_and_the_rest_stays_byte_for_byte(self, out):
        before = samples(out)
        (done,) = remove(out, ONE)
        after = samples(out)
        mine = {key for key in before if ONE in key}
        assert mine
        assert after == {key: value for key, value in before.items() if key not in mine}
        assert not list((out / "ytbb-train-videos").glob(f"{ONE}*"))
        assert len(list((out / "ytbb-train-videos").iterdir())) == 6
        assert (done.names, done.num_frames, done.num_shards) == ((ONE,), len(mine), 1)
        check_whole(out)

    def test_its_row_is_withdrawn_and_the_index_counts_it(self, out):
        remove(out, ONE)
        row = row_of(out, ONE)
        assert (row.outcome, row.num_frames, row.facts) == (Outcome.WITHDRAWN, 0, None)
        index = open_set(str(out)).index
        assert index.outcomes == {"ok": 6, "gone": 1, "withdrawn": 1}
        assert not [one for one in index.sequences if ONE in one.name]

    def test_no_fetch_brings_it_back(self, out, options):
        remove(out, ONE)
        before = published(out)
        report = acquire(options(out=str(out)))
        assert published(out) == before
        assert report.outcomes["withdrawn"] == 1

    def test_a_video_that_comes_back_later_does_not_bring_it_back(self, out, options, world):
        """The shard is put together anew from what stands and from what came."""
        (first,) = [ids for ids in shard_ids(out) if ONE in ids]
        other = next(name for name in first if name != ONE)
        remove(out, ONE)
        rows = load_rows(out / "ytbb-train.report.jsonl")
        assert read_state(Layout(str(out), "train")).is_settled(ONE, frozenset())
        lost = [
            replace(row, outcome=Outcome.NETWORK) if row.video == other else row for row in rows
        ]
        (out / "ytbb-train.report.jsonl").write_bytes(dump_rows(lost))
        acquire(options(out=str(out)))
        assert not [one for one in open_set(str(out)).index.sequences if ONE in one.name]
        check_whole(out)

    def test_removing_it_again_says_so(self, out):
        remove(out, ONE)
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
        (done,) = remove(out, ONE)
        assert (done.names, done.already) == ((), (ONE,))
        assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before

    def test_an_original_that_somebody_put_back_goes_again_and_counts_once(self, out):
        remove(out, ONE)
        original = out / "ytbb-train-videos" / f"{ONE}.mp4"
        original.write_bytes(b"back")
        (done,) = remove(out, ONE)
        assert (done.names, done.num_files) == ((ONE,), 1)
        assert not original.exists()
        assert open_set(str(out)).index.outcomes["withdrawn"] == 1

    def test_a_video_that_could_not_be_had_is_never_asked_for_again(self, out):
        (done,) = remove(out, GONE)
        assert (done.names, done.num_frames, done.num_shards) == ((GONE,), 0, 0)
        assert row_of(out, GONE).outcome is Outcome.WITHDRAWN
        assert open_set(str(out)).index.outcomes == {"ok": 7, "withdrawn": 1}

    def test_a_shard_that_becomes_empty_is_deleted_and_the_others_keep_their_names(self, out):
        ids = shard_ids(out)[0]
        before = published(out)
        remove(out, *ids)
        after = published(out)
        assert "ytbb-train-000000.tar" in before
        assert "ytbb-train-000000.tar" not in after
        for name in ("ytbb-train-000001.tar", "ytbb-train-000002.tar"):
            assert after[name] == before[name]
        check_whole(out)

    def test_all_videos_may_go(self, out):
        remove(out, *(youtube_id(number) for number in range(8)))
        assert published(out).keys() == {"README.md", "ytbb-train.index.json"}
        assert open_set(str(out)).index.outcomes == {"withdrawn": 8}
        check_whole(out)
        (done,) = remove(out, ONE)
        assert done.already == (ONE,)

    def test_a_row_is_made_where_there_was_none(self, out):
        (out / "ytbb-train.report.jsonl").unlink()
        remove(out, ONE)
        row = row_of(out, ONE)
        assert (row.outcome, row.attempts, row.session) == (Outcome.WITHDRAWN, 0, "none")
        number = next(number for number, ids in enumerate(shard_ids(out)) if ids)
        assert row.shard >= number

    def test_a_dry_run_tells_the_same_and_changes_nothing(self, out):
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
        told = remove(out, ONE, dry_run=True)
        assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
        assert told == remove(out, ONE)

    def test_what_is_not_there_is_an_error_with_near_names_and_nothing_changes(self, out):
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
        with pytest.raises(
            ShardError, match=r"no set holds 'vid_-000011'; nothing is removed\. Did you mean 'vid_"
        ):
            remove(out, ONE, "vid_-000011")
        assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before

    def test_a_part_of_a_video_is_refused(self, out):
        name = open_set(str(out)).index.sequences[0].name
        with pytest.raises(UsageError, match=rf"--sequence {name}: is a part .* give --video="):
            withdraw(str(out), videos=(), sequences=(name,))

    def test_a_set_that_somebody_writes_is_refused(self, out):
        with (
            exclusive(str(out / ".ytbb-train.lock")),
            pytest.raises(VsdaError, match="another process is writing here"),
        ):
            remove(out, ONE)


def shard_ids(out):
    """Return the videos of each shard that the index lists."""
    shards = open_set(str(out)).index.shards
    return [sorted({row.name[2:-4] for row in info.sequences}) for info in shards]


class TestUnfinished:
    def test_pieces_and_parts_of_files_go(self, out):
        """As a fetch leaves them that was killed: a piece, a download, and no index."""
        layout = Layout(str(out), "train")
        row = row_of(out, ONE)
        for path in [*out.glob("*.tar"), *out.glob("*.idx"), *out.glob("*.json*")]:
            path.unlink()
        pieces, videos = Path(layout.pieces), Path(layout.staging) / "videos"
        pieces.mkdir(parents=True)
        (videos / ONE).mkdir(parents=True)
        (videos / ONE / f"{ONE}.mp4.part").write_bytes(b"half")
        (videos / f"{youtube_id(2)}.mp4").write_bytes(b"another")
        piece = make_set(pieces, [[frame(0, f"v-{ONE}-000")]], name="piece").index.shards[0]
        for suffix in (".tar", ".idx"):
            (pieces / f"piece-000000{suffix}").rename(pieces / f"{ONE}{suffix}")
        (pieces / "piece.index.json").unlink()
        record = PieceRecord(row=row, piece=replace(piece, url=f"{ONE}.tar"))
        (pieces / f"{ONE}.json").write_bytes(record.to_json())
        (done,) = remove(out, ONE)
        assert done.num_files == 4  # original, tar, idx, part of a download
        state = read_state(layout)
        assert state.rows[ONE].outcome is Outcome.WITHDRAWN
        assert not state.pieces
        assert state.is_settled(ONE, frozenset())
        left = list(out.rglob(f"*{ONE}*"))
        assert left == [pieces / f"{ONE}.json"]
        assert (videos / f"{youtube_id(2)}.mp4").exists()
        assert remove(out, ONE)[0].already == (ONE,)

    @pytest.mark.parametrize("waits", [False, True])
    def test_a_finished_shard_that_no_index_lists_yet_is_cut_too(self, out, waits):
        layout = Layout(str(out), "train")
        index = open_set(str(out)).index
        rows = load_rows(out / "ytbb-train.report.jsonl")
        ids = next(ids for ids in shard_ids(out) if ONE in ids)
        number = shard_ids(out).index(ids)
        info = index.shards[number]
        folder = Path(layout.replacements if waits else layout.out)
        folder.mkdir(parents=True, exist_ok=True)
        if waits:
            for name in (info.url, info.idx_url):
                shutil.copy(out / name, folder / name)
        else:
            (out / "ytbb-train.index.json").unlink()
            (out / "ytbb-train.report.jsonl").unlink()
        mine = tuple(row for row in rows if row.video in ids)
        record = ShardRecord(number=int(info.url[-10:-4]), shard=info, rows=mine, waits=waits)
        Path(layout.shard_records).mkdir(parents=True)
        Path(layout.shard_record(record.number)).write_bytes(record.to_json())
        remove(out, ONE)
        state = read_state(layout)
        shard = state.records[record.number].shard
        assert ONE not in {row.name[2:-4] for row in shard.sequences}
        assert (folder / shard.url).stat().st_size == shard.filesize
        assert state.rows[ONE].outcome is Outcome.WITHDRAWN
        assert ONE not in state.inside


class TestKills:
    def test_a_removal_killed_anywhere_is_finished_by_the_next(self, out, tmp_path):
        expected = shutil.copytree(out, tmp_path / "expected")
        remove(expected, ONE)
        event, lived = 0, False
        while not lived:
            event += 1
            folder = shutil.copytree(out, tmp_path / str(event))
            lived = die_at(event, lambda folder=folder: remove(folder, ONE))
            if (folder / "ytbb-train.index.json").exists():
                problems = [row for one in verify_place(str(folder)) for row in one.problems]
                assert {row.kind for row in problems} <= {"leftover"}, f"killed at event {event}"
            remove(folder, ONE)
            assert published(folder) == published(expected), f"killed at event {event}"
            assert row_of(folder, ONE).outcome is Outcome.WITHDRAWN
            assert not list(folder.rglob(f"*{ONE}*"))
            shutil.rmtree(folder)
        assert event > 20

    def test_a_fetch_after_a_killed_removal_brings_nothing_back(self, out, tmp_path, options):
        expected = shutil.copytree(out, tmp_path / "expected")
        remove(expected, ONE)
        folder = killed_without_index(out, tmp_path, lambda place: remove(place, ONE))
        acquire(options(out=str(folder)))
        assert published(folder) == published(expected)
        assert row_of(folder, ONE).outcome is Outcome.WITHDRAWN


def killed_without_index(source, tmp_path, work):
    """Return a copy of a set whose change was killed while there was no index."""
    for event in range(1, 100):
        folder = shutil.copytree(source, tmp_path / f"killed-{event}")
        die_at(event, lambda folder=folder: work(folder))
        if not list(folder.glob("*.index.json")):
            return folder
    raise AssertionError


def take_bear_out(place):
    withdraw(str(place), videos=(), sequences=("bear",))


class TestSequences:
    @pytest.fixture
    def davis(self, tmp_path):
        shards = [
            [frame(number, name) for name in names for number in range(3)]
            for names in (["bear", "bike-packing"], ["cows"])
        ]
        outcomes = {"ok": 9, "left-out": 2}
        return make_set(tmp_path / "shards", shards, outcomes=outcomes, notes=("a note",)).folder

    def test_a_sequence_goes_and_a_note_says_so(self, davis):
        (done,) = withdraw(davis, videos=(), sequences=("bear",))
        index = open_set(davis).index
        assert [row.name for row in index.sequences] == ["bike-packing", "cows"]
        assert index.outcomes == {"ok": 6, "left-out": 2, "withdrawn": 3}
        assert index.notes == ("a note", "withdrawn: bear")
        assert (done.names, done.num_frames, done.num_shards) == (("bear",), 3, 1)
        check_whole(davis)

    def test_removing_it_again_says_so(self, davis):
        withdraw(davis, videos=(), sequences=("bear",))
        (done,) = withdraw(davis, videos=(), sequences=("bear", "cows"))
        assert (done.names, done.already) == (("cows",), ("bear",))

    def test_shards_without_it_are_not_touched(self, davis):
        before = (Path(davis) / "davis-train-000001.tar").stat().st_mtime_ns
        withdraw(davis, videos=(), sequences=("bear",))
        assert (Path(davis) / "davis-train-000001.tar").stat().st_mtime_ns == before

    def test_the_place_may_be_the_set_or_its_index(self, davis):
        withdraw(f"{davis}/davis-train", videos=(), sequences=("bear",))
        withdraw(f"{davis}/davis-train.index.json", videos=(), sequences=("cows",))
        assert [row.name for row in open_set(davis).index.sequences] == ["bike-packing"]

    def test_other_sets_of_the_folder_are_left_alone(self, davis):
        make_set(davis, [[frame(0, "other")]], name="davis-val")
        (done,) = withdraw(davis, videos=(), sequences=("bear",))
        assert done.set_name == "davis-train"
        check_whole(davis)

    def test_a_sequence_that_is_not_there_is_told_with_near_names(self, davis):
        with pytest.raises(ShardError, match=r"no set holds 'bike-pack'.* Did you mean 'bike-pack"):
            withdraw(davis, videos=(), sequences=("bike-pack",))
        with pytest.raises(ShardError, match="no set holds 'bear'; nothing is removed"):
            withdraw(davis, videos=("bear",), sequences=())

    def test_nothing_asked_is_a_mistake(self, davis):
        with pytest.raises(UsageError, match="nothing to remove; give --video ID or --sequence"):
            withdraw(davis, videos=(), sequences=())

    def test_a_place_without_shards_is_told(self, tmp_path):
        with pytest.raises(ShardError, match="no shards here"):
            withdraw(str(tmp_path), videos=("a",), sequences=())

    def test_a_removal_that_was_killed_without_an_index_is_finished(self, davis, tmp_path):
        place = str(killed_without_index(davis, tmp_path, take_bear_out))
        with pytest.raises(ShardError, match="the removal was interrupted; run it without"):
            withdraw(place, videos=(), sequences=("bear",), dry_run=True)
        (done,) = withdraw(place, videos=(), sequences=("bear",))
        assert done.already == ("bear",)
        check_whole(place)

    def test_it_works_on_a_url(self, davis, memory):  # noqa: F811
        copy_files(davis, memory)
        withdraw(memory, videos=(), sequences=("bear",))
        withdraw(davis, videos=(), sequences=("bear",))
        for path in Path(davis).iterdir():
            assert read_bytes(f"{memory}/{path.name}") == path.read_bytes()
        assert list_names(memory) == sorted(path.name for path in Path(davis).iterdir())

    def test_prepare_takes_the_set_for_up_to_date(self, tmp_path):
        tree = davis_of_many_shards(tmp_path / "davis")
        options = PrepareOptions(
            root=tree.root, out=tmp_path / "out", split="train", shard_mb=1, num_workers=1
        )
        (first,) = prepare("davis", options)
        name = open_set(str(tmp_path / "out")).index.sequences[0].name
        withdraw(str(tmp_path / "out"), videos=(), sequences=(name,))
        (again,) = prepare("davis", options)
        assert again.up_to_date
        assert (again.num_sequences, again.num_failed) == (first.num_sequences - 1, 0)

    def test_prepare_after_a_killed_removal_finishes_it(self, tmp_path):
        tree = davis_of_many_shards(tmp_path / "davis")
        options = PrepareOptions(
            root=tree.root, out=tmp_path / "out", split="train", shard_mb=1, num_workers=1
        )
        prepare("davis", options)
        names = [row.name for row in open_set(str(tmp_path / "out")).index.sequences]

        def work(place):
            withdraw(str(place), videos=(), sequences=names[:1])

        folder = killed_without_index(tmp_path / "out", tmp_path, work)
        (again,) = prepare("davis", replace(options, out=folder))
        assert again.up_to_date
        assert [row.name for row in open_set(str(folder)).index.sequences] == names[1:]
