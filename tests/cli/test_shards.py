import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.shards.conftest import davis  # noqa: F401  fixture
from tests.shards.frames import frame, make_set
from vsda.cli.shards import shards_app
from vsda.errors import ShardError, UnknownNameError, UsageError


def run(*arguments, code=0):
    """Run a command; returns what it prints on stdout."""
    result = CliRunner().invoke(shards_app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture
def folder(davis):  # noqa: F811
    """A folder with the sets coco-val and davis-train."""
    make_set(davis.folder, [[frame(0, None, inst=None)]], name="coco-val")
    return davis.folder


class TestList:
    def test_sets_stand_in_aligned_columns(self, folder):
        assert run("list", folder).splitlines() == [
            "set          dataset  split  shards  samples  sequences  classes     size",
            "coco-val     davis    train       1        1          0        1  10.2 kB",
            "davis-train  davis    train       3        6          3        1  41.0 kB",
        ]

    def test_json_holds_the_numbers(self, folder):
        first, second = json.loads(run("list", folder, "--json"))
        assert first["name"] == "coco-val"
        assert second == {
            "name": "davis-train",
            "dataset": "davis",
            "split": "train",
            "num_shards": 3,
            "num_samples": 6,
            "num_sequences": 3,
            "num_classes": 1,
            "num_bytes": 40960,
        }

    def test_several_places_may_be_given(self, folder):
        rows = json.loads(run("list", f"{folder}/davis-train", f"{folder}/coco-val", "--json"))
        assert [row["name"] for row in rows] == ["davis-train", "coco-val"]

    def test_the_default_is_the_shards_of_the_data_folder(self, tmp_path, monkeypatch):
        make_set(tmp_path / "shards", [[frame(0)]])
        monkeypatch.setenv("VSDA_DATA", str(tmp_path))
        assert "davis-train" in run("list")

    def test_a_place_without_shards_is_an_error(self, tmp_path):
        with pytest.raises(ShardError, match="no shards here"):
            run("list", tmp_path)

    def test_a_damaged_index_is_told_and_the_other_sets_are_listed(self, folder, tmp_path):
        (tmp_path / "coco-val.index.json").write_text("[" * 100_000)
        result = CliRunner().invoke(shards_app, ["list", folder, "--json"])
        assert result.exit_code == 1
        assert [row["name"] for row in json.loads(result.stdout)] == ["davis-train"]
        told = f"vsda: {folder}/coco-val.index.json: not a shard index: nested too deep\n"
        assert result.stderr == told


class TestVerify:
    def test_whole_sets_are_told_and_the_status_is_0(self, folder):
        assert run("verify", folder).splitlines() == [
            "coco-val: whole, 1 samples in 1 shards",
            "davis-train: whole, 6 samples in 3 shards",
        ]

    def test_each_problem_is_one_line_and_the_status_is_1(self, folder, tmp_path):
        (tmp_path / "davis-train-000001.tar").unlink()
        (tmp_path / "davis-train-000002.idx.part").touch()
        assert run("verify", folder, code=1).splitlines() == [
            "coco-val: whole, 1 samples in 1 shards",
            "davis-train-000001.tar: missing: not there, but its index lists it",
            "davis-train-000002.idx.part: leftover: an interrupted run left it; it can be removed",
        ]

    def test_json_holds_each_problem(self, folder, tmp_path):
        (tmp_path / "davis-train-000001.tar").unlink()
        whole, broken = json.loads(run("verify", folder, "--json", code=1))
        assert whole == {"place": f"{folder}/coco-val.index.json", "whole": True, "problems": []}
        assert broken["whole"] is False
        assert broken["problems"] == [
            {
                "shard": "davis-train-000001.tar",
                "kind": "missing",
                "message": "not there, but its index lists it",
            }
        ]

    def test_a_damaged_index_is_a_problem_and_the_other_sets_are_checked(self, folder, tmp_path):
        (tmp_path / "coco-val.index.json").write_text("{")
        lines = run("verify", folder, code=1).splitlines()
        assert lines[0].startswith("coco-val.index.json: index: ")
        (tmp_path / "coco-val.index.json").write_text("[" * 100_000)
        assert run("verify", folder, code=1).splitlines()[1:] == lines[1:]
        assert lines[1] == "davis-train: whole, 6 samples in 3 shards"


class TestStats:
    def test_classes_balance_settings_outcomes_and_notes_are_shown(self, folder):
        assert run("stats", f"{folder}/davis-train").splitlines() == [
            "davis-train: 6 samples, 3 sequences, 3 shards, 41.0 kB",
            " id  class       pixels     share  frames  sequences",
            "  0  background      80  72.7273%       5          -",
            "  1  person          30  27.2727%       5          3",
            "255  ignore          10         -       5          -",
            "largest class: person, 27.2727% of the labelled pixels",
            "background 72.7273% of the labelled pixels, void 8.3333% of all pixels of the masks",
            "frames without a mask: 1",
            "settings: remap coco",
            "outcomes: left-out 2, ok 6",
            "note: a note",
        ]

    def test_json_holds_everything(self, folder):
        (stats,) = json.loads(run("stats", f"{folder}/davis-train", "--json"))
        assert stats["num_samples"] == 6
        assert stats["settings"] == {"remap": "coco"}
        assert stats["outcomes"] == {"ok": 6, "left-out": 2}
        assert stats["notes"] == ["a note"]
        assert stats["balance"]["num_unlabelled"] == 1
        assert stats["class_stats"][1] == {
            "id": 1,
            "name": "person",
            "num_pixels": 30,
            "share": pytest.approx(30 / 110),
            "num_frames": 5,
            "frame_share": pytest.approx(5 / 6),
            "num_sequences": 3,
            "pixel_ratio": 1.0,
            "frame_ratio": 1.0,
        }

    def test_the_largest_class_is_compared_with_the_smallest(self, tmp_path):
        sample = frame(0)
        sample.seg[0, 0] = 18
        make_set(tmp_path, [[sample]])
        told = "largest class: person, 27.2727% of the labelled pixels, 6.0 times the smallest, dog"
        assert told in run("stats", tmp_path).splitlines()

    def test_several_sets_stand_side_by_side(self, folder, tmp_path):
        half = frame(0, None)
        half.seg[2] = 1  # 12 of 22 labelled pixels are person
        make_set(tmp_path / "more", [[half]], name="half-val")
        text = run("stats", f"{folder}/davis-train", tmp_path / "more")
        assert "\n\nhalf-val: 1 samples" in text
        table = text.splitlines()[-5:]
        assert table[0].split("  ")[0:2] == [" id", "class"]
        assert " ".join(table[2].split()) == "1 person 27.2727% 5 3 54.5455% 1 0 2 1.2"
        assert table[-1].startswith("A = davis-train, B = half-val; ")
        rows = json.loads(run("stats", f"{folder}/davis-train", tmp_path / "more", "--json"))
        assert rows[1]["class_stats"][1]["pixel_ratio"] == pytest.approx(2)

    def test_the_picture_is_written_and_its_path_is_no_result(self, folder, tmp_path):
        path = tmp_path / "new" / "classes.png"
        result = CliRunner().invoke(shards_app, ["stats", folder, "--json", "--picture", str(path)])
        assert len(json.loads(result.stdout)) == 2
        with Image.open(path) as picture:
            assert picture.format == "PNG"
        with pytest.raises(UsageError, match=r"written as PNG; give a name that ends in \.png"):
            run("stats", folder, "--picture", tmp_path / "classes.svg")


class TestShow:
    def test_the_sheet_of_one_set_has_the_given_name(self, folder, tmp_path):
        out = tmp_path / "new" / "s.png"
        printed = run("show", f"{folder}/davis-train", "--out", out, "--columns", 2)
        assert printed.strip() == str(out)
        with Image.open(out) as sheet:
            assert sheet.width == 24 + 2 * 240 + 14 + 24

    def test_several_sets_have_a_sheet_each(self, folder, tmp_path):
        printed = run("show", folder, "--out", tmp_path / "s.png", "--samples", 1)
        names = ["s-coco-val.png", "s-davis-train.png"]
        assert printed.splitlines() == [str(tmp_path / name) for name in names]
        assert all((tmp_path / name).is_file() for name in names)

    def test_two_sets_of_one_name_are_refused_before_anything_is_drawn(self, folder, tmp_path):
        make_set(tmp_path / "other", [[frame(0, None, inst=None)]], name="coco-val")
        for second in (f"{folder}/coco-val", tmp_path / "other"):
            with pytest.raises(UsageError, match=r"the set coco-val is given twice \(.*own --out"):
                run("show", folder, second, "--out", tmp_path / "s.png")
        assert not list(tmp_path.glob("*.png"))

    def test_another_kind_of_picture_is_refused(self, folder, tmp_path):
        with pytest.raises(UsageError, match=r"written as PNG; give a name that ends in \.png"):
            run("show", folder, "--out", tmp_path / "s.jpg")


class TestPage:
    def test_all_sets_stand_on_one_page_and_its_size_is_told(self, folder, tmp_path):
        out = tmp_path / "new" / "page.html"
        result = CliRunner().invoke(shards_app, ["show", folder, "--html", str(out)])
        assert (result.exit_code, result.stdout) == (0, f"{out}\n")
        assert "samples: 1 of 1 of coco-val, 6 of 6 of davis-train" in result.stderr
        assert '<option value="1">davis-train</option>' in out.read_text()

    def test_json_says_what_is_on_the_page(self, folder, tmp_path):
        out = tmp_path / "page.html"
        page = json.loads(
            run("show", folder, "--html", out, "--sequence", "cows", "--samples", 2, "--json")
        )
        (only,) = page.pop("sets")
        assert page == {"path": str(out), "size_bytes": out.stat().st_size}
        assert (only["name"], only["num_shown"], only["num_samples"]) == ("davis-train", 2, 6)

    def test_classes_are_chosen_by_name(self, folder, tmp_path):
        out = tmp_path / "page.html"
        page = json.loads(run("show", folder, "--html", out, "--class", "person", "--json"))
        assert [one["num_shown"] for one in page["sets"]] == [1, 6]
        with pytest.raises(ShardError, match="no sample is what was asked for"):
            run("show", folder, "--html", out, "--class", "dog")
        with pytest.raises(UnknownNameError, match=r"unknown class 'persn'\. Did you mean"):
            run("show", folder, "--html", out, "--class", "persn")

    def test_a_page_without_all_its_samples_is_told_and_the_status_is_3(self, folder, tmp_path):
        (tmp_path / "davis-train-000002.tar").unlink()
        out = tmp_path / "page.html"
        result = CliRunner().invoke(shards_app, ["show", folder, "--html", str(out)])
        assert result.exit_code == 3
        assert "vsda: " in result.stderr
        assert "davis-train-000002.tar" in result.stderr
        assert "5 of 6 of davis-train" in result.stderr

    @pytest.mark.parametrize("option", [("--sequence", "bear"), ("--class", "dog"), ("--json",)])
    def test_options_of_pages_are_refused_for_a_png(self, folder, option):
        with pytest.raises(UsageError, match="are for pages; add --html FILE"):
            run("show", folder, *option)


def test_a_terminal_gets_a_drawn_table(folder, monkeypatch, capsys):
    from vsda.cli import table

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    table.print_table([table.Column("set"), table.Column("size", is_number=True)], [["a", "1"]])
    drawn = capsys.readouterr().out
    assert "set" in drawn
    assert "─" in drawn


class TestRemove:
    def test_what_went_is_told_and_the_set_is_whole_without_it(self, folder):
        assert run("remove", folder, "--sequence", "cows", "--sequence", "bear").splitlines() == [
            "davis-train: cows, bear: removed: 5 frames in 2 sequences of 2 shards, 0 other files"
        ]
        assert run("verify", folder).splitlines()[1] == (
            "davis-train: whole, 1 samples in 1 shards"
        )

    def test_removing_it_again_says_so(self, folder):
        run("remove", folder, "--sequence", "bear")
        told = run("remove", folder, "--sequence", "bear")
        assert told == "davis-train: bear: removed before\n"

    def test_a_dry_run_changes_nothing(self, folder):
        told = run("remove", folder, "--sequence", "bear", "--dry-run")
        assert "bear: would be removed: 2 frames in 1 sequences of 1 shards" in told
        assert "6 samples" in run("verify", folder)

    def test_json_holds_the_numbers(self, folder):
        (done,) = json.loads(run("remove", folder, "--sequence", "bear", "--json"))
        assert done == {
            "set_name": "davis-train",
            "names": ["bear"],
            "already": [],
            "sequences": ["bear"],
            "num_frames": 2,
            "num_shards": 1,
            "num_files": 0,
        }

    def test_an_id_may_start_with_a_dash(self, folder):
        with pytest.raises(ShardError, match="no set holds '-bcdefghijk'; nothing is removed"):
            run("remove", folder, "--video=-bcdefghijk")
