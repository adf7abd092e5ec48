"""`vsda weights list|fetch|check` as a user meets it."""

import json

import pytest
import timm
import torch
from torchvision import models
from torchvision.models import segmentation
from typer.testing import CliRunner

from tests.fetch.conftest import small_disk, weights_table  # noqa: F401  fixtures
from tests.fetch.servers import FaultyServer
from tests.fetch.weights_table import FILES, safetensors_bytes, serve
from tests.models.authors_layout import layout, random_state
from vsda.cli.weights import weights_app
from vsda.errors import RecipeError, UnknownNameError, UsageError, WeightsError
from vsda.fetch.http_errors import DiskFullError
from vsda.manifests import weights_sources
from vsda.models import MODELS
from vsda.models.weights.layouts import layout_of

SMALL = {
    "embed_dim": 16,
    "depths": (1, 1),
    "num_heads": (2, 4),
    "window_size": 4,
    "decoder_channels": 16,
}
SETTINGS = [
    "--recipe=swin-images",
    "--set=classes=person,dog",
    *(f"--set=network.{key}={list(value) if isinstance(value, tuple) else value}"
      for key, value in SMALL.items()),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the weights, by VSDA_DATA."""
    monkeypatch.setenv("VSDA_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "weights"


@pytest.fixture
def served(tmp_path):
    """A folder with the three files of the small table."""
    return serve(tmp_path / "served")


@pytest.fixture
def authors_file(tmp_path):
    """A file in the authors' layout, with five classes."""
    path = tmp_path / "authors.pth"
    torch.save({"state_dict": random_state(layout(num_classes=5, **SMALL))}, path)
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(weights_app, [str(word) for word in arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_list_has_every_name_with_what_it_is_and_where_it_stands(folder):
    result = run("list")
    header, *rows = result.stdout.splitlines()
    assert header.split()[:4] == ["name", "networks", "layout", "size"]
    assert [row.split()[0] for row in rows] == list(weights_sources())
    authors = next(row for row in rows if row.startswith("upernet-swin-t-ade20k "))
    for cell in ("swin_upernet, video_swin_upernet", "240.1 MB", "ADE20k", "44.51 mIoU"):
        assert cell in authors
    assert authors.endswith(" no")
    source = weights_sources()["upernet-swin-t-ade20k-smp"]
    folder.mkdir(parents=True)
    (folder / source.file).write_bytes(b"x")
    _, *here = run("list").stdout.splitlines()
    assert [row.split()[0] for row in here if row.endswith(" here")] == [source.name]


@pytest.mark.usefixtures("weights_table")
def test_the_list_as_json_has_addresses_and_digests(folder):
    rows = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in rows] == ["swin", "resnet", "hub"]
    assert rows[0]["size_bytes"] == 300_000
    assert rows[1]["sha256"].endswith("...")
    assert rows[2] == {
        "name": "hub",
        "networks": ["swin_upernet"],
        "layout": "authors",
        "file": "hub.safetensors",
        "url": "http://127.0.0.1:9/hub.safetensors",
        "size_bytes": None,
        "sha256": None,
        "trained_on": "ADE20k",
        "figure": None,
        "here": "no",
        "path": f"{folder}/hub.safetensors",
    }


@pytest.mark.usefixtures("weights_table")
class TestFetch:
    def test_files_come_to_the_folder_and_are_told(self, folder, served):
        result = run("fetch", "swin", "hub", "--mirror", served)
        assert result.stdout.splitlines() == [
            f"weights: swin: 300.0 kB (fetched)  {folder}/swin.pth",
            f"weights: hub: 20.0 kB (fetched)  {folder}/hub.safetensors",
        ]
        assert (folder / "swin.pth").read_bytes() == FILES["swin.pth"]
        again = run("fetch", "swin", "--mirror", served)
        assert "(up to date)" in again.stdout

    def test_again_brings_what_is_there_anew(self, folder, served):
        run("fetch", "hub", "--mirror", served)
        other = safetensors_bytes(30_000)
        (served / "hub.safetensors").write_bytes(other)
        assert "(up to date)" in run("fetch", "hub", "--mirror", served).stdout
        assert "(fetched)" in run("fetch", "hub", "--mirror", served, "--again").stdout
        assert (folder / "hub.safetensors").read_bytes() == other

    def test_another_folder_may_be_given(self, folder, served, tmp_path):
        run("fetch", "hub", "--mirror", served, "--out", tmp_path / "else")
        assert (tmp_path / "else" / "hub.safetensors").is_file()
        assert not folder.exists()

    def test_one_of_two_that_fails_gives_exit_code_3(self, served):
        with FaultyServer(served) as server:
            (served / "hub.safetensors").unlink()
            result = run("fetch", "hub", "resnet", "--mirror", server.url, code=3)
        assert "weights: hub: failed: " in result.stderr
        assert "status 404; give --mirror, or put the file there by hand as " in result.stderr
        assert len(result.stdout.splitlines()) == 1

    def test_nothing_that_came_gives_exit_code_1(self, folder, served):
        (served / "swin.pth").write_bytes(bytes(300_000))
        result = run("fetch", "swin", "--mirror", served, "--json", code=1)
        (row,) = json.loads(result.stdout)
        assert (row["state"], row["path"]) == ("failed", f"{folder}/swin.pth")
        assert "its sha256 is" in row["message"]

    def test_an_unknown_name_is_answered_with_the_nearest(self, served):
        result = run("fetch", "swim", "--mirror", served, code=1)
        assert isinstance(result.exception, UnknownNameError)

    def test_a_full_disk_is_told(self, served, small_disk):  # noqa: F811
        (served / "hub.safetensors").write_bytes(safetensors_bytes(3_000_000))
        with FaultyServer(served) as server:
            result = run("fetch", "hub", "--mirror", server.url, "--out", small_disk, code=1)
        assert isinstance(result.exception, DiskFullError)


class TestCheck:
    def test_a_file_is_told_what_it_is(self, authors_file):
        first, second, third = run("check", authors_file).stdout.splitlines()
        assert first == f"{authors_file}: a Swin + UperNet in its authors' layout"
        assert second.endswith(" values, 5 classes; for swin_upernet, video_swin_upernet")
        assert "network.embed_dim=16" in third

    def test_what_a_recipes_network_takes_of_it_is_told_with_reasons(self, authors_file):
        lines = run("check", authors_file, *SETTINGS).stdout.splitlines()[3:]
        assert lines[0].startswith("swin-images: fits, ")
        skipped = next(line for line in lines if "no auxiliary head" in line)
        assert " skipped (" in skipped
        assert "auxiliary_head.conv_seg" in skipped or skipped.endswith("...")
        classifier = [
            line for line in lines if "classifier of 5 classes, the network has 3" in line
        ]
        assert [line.split()[1] for line in classifier] == ["skipped", "missing"]

    def test_with_all_every_name_is_listed(self, authors_file):
        result = run("check", authors_file, *SETTINGS, "--all")
        listed = [line.strip() for line in result.stdout.splitlines() if line.startswith("    ")]
        found = json.loads(run("check", authors_file, *SETTINGS, "--json").stdout)
        assert sorted(listed) == sorted([*found["loaded"], *found["skipped"], *found["missing"]])
        assert f"  {len(found['loaded'])} loaded:" in result.stdout.splitlines()

    def test_all_needs_a_recipe(self, authors_file):
        result = run("check", authors_file, "--all", code=1)
        assert isinstance(result.exception, UsageError)

    def test_a_classifier_of_as_many_classes_is_left_out_as_training_does(self, authors_file):
        four = "--set=classes=person,dog,cat,car"
        lines = run("check", authors_file, *SETTINGS, four).stdout.splitlines()
        reason = "(the file does not say which classes it has)"
        classifier = [line for line in lines if reason in line]
        assert [line.split()[:2] for line in classifier] == [["2", "skipped"], ["2", "missing"]]

    def test_a_run_folder_is_its_newest_checkpoint(self, tmp_path):
        folder = tmp_path / "run" / "checkpoints"
        folder.mkdir(parents=True)
        state = MODELS["swin_upernet"](num_classes=3, **SMALL).state_dict()
        for name in ("step-000005.pt", "step-000010.pt"):
            torch.save({"network": state, "recipe": {"classes": "dog,person"}}, folder / name)
        lines = run("check", tmp_path / "run", *SETTINGS).stdout.splitlines()
        assert lines[0] == f"{folder}/step-000010.pt: weights of vsda"
        assert not [line for line in lines if "classes it has" in line or "classifier" in line]

    def test_a_name_that_would_move_the_cursor_or_fill_the_screen_is_shown_tamely(self, tmp_path):
        state = MODELS["swin_upernet"](num_classes=3, **SMALL).state_dict()
        odd = "a\n\x1b[31m" + "k" * 100_000 + ".num_batches_tracked"
        torch.save(state | {odd: torch.zeros(1)}, tmp_path / "state.pt")
        for more in ([], ["--all"]):
            output = run("check", tmp_path / "state.pt", *SETTINGS, *more).stdout
            assert "\x1b" not in output
            assert max(map(len, output.splitlines())) < 500

    def test_as_json_every_name_is_accounted_for(self, authors_file):
        found = json.loads(run("check", authors_file, *SETTINGS, "--json").stdout)
        assert found["fits"] is True
        assert (found["num_classes"], found["recipe"]) == (5, "swin-images")
        state = torch.load(authors_file)["state_dict"]
        assert len(found["loaded"]) + len(found["skipped"]) == len(state)
        assert "decoder.conv_seg.weight" in found["missing"]

    def test_as_json_without_a_recipe_it_is_what_the_file_is(self, authors_file):
        found = json.loads(run("check", authors_file, "--json").stdout)
        assert found["networks"] == ["swin_upernet", "video_swin_upernet"]
        assert "fits" not in found

    def test_a_file_of_another_network_ends_with_exit_code_1(self, authors_file):
        arguments = ["check", authors_file, *SETTINGS, "--set=network.embed_dim=32"]
        result = run(*arguments, code=1)
        assert isinstance(result.exception, WeightsError)
        assert "do not fit the network" in str(result.exception)
        found = json.loads(run(*arguments, "--json", code=1).stdout)
        assert found["fits"] is False
        assert found["error"] == str(result.exception)

    def test_a_name_that_is_not_there_says_how_to_get_it(self, folder):
        result = run("check", "upernet-swin-t-ade20k", code=1)
        assert isinstance(result.exception, WeightsError)
        assert "`vsda weights fetch upernet-swin-t-ade20k` brings them" in str(result.exception)
        assert str(folder) in str(result.exception)

    def test_a_web_page_with_the_name_of_weights_is_refused(self, tmp_path):
        path = tmp_path / "saved.pth"
        path.write_text("<html>not found</html>")
        result = run("check", path, code=1)
        assert isinstance(result.exception, WeightsError)

    def test_a_wrong_setting_is_told(self, authors_file):
        result = run("check", authors_file, "--recipe=swin-images", "--set=x=1", code=1)
        assert isinstance(result.exception, RecipeError)


def in_full(make, **settings):
    """Return the names in the file of a published network, made without values."""
    with torch.device("meta"):
        return make(**settings).state_dict().keys()


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("convnext-t-imagenet", lambda: in_full(timm.create_model, model_name="convnext_tiny")),
        (
            "deeplabv3-r101-coco",
            lambda: in_full(segmentation.deeplabv3_resnet101, weights_backbone=None, aux_loss=True),
        ),
        ("resnet101-imagenet", lambda: in_full(models.resnet101)),
        ("swin-t-imagenet", lambda: in_full(models.swin_t)),
        (
            "upernet-swin-t-ade20k",
            lambda: layout(num_classes=5, **SMALL).keys(),
        ),
    ],
)
def test_files_go_with_the_networks_that_the_table_says(name, names):
    kind = layout_of(None, names())
    taken = {network for network in MODELS if issubclass(MODELS[network], kind.networks)}
    assert set(weights_sources()[name].networks) == taken
