"""ONNX files compute what the network computes, and say where they come from."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.conftest import ROOT
from tests.export.conftest import ExportedRun
from tests.made_sets import make_sample
from tests.test_examples import EXAMPLES
from tests.training.small import NETWORKS, small_recipe
from vsda.evaluation.predict import class_indices
from vsda.evaluation.trained import TrainedNetwork
from vsda.export.facts import ExportError
from vsda.export.graph import OPSET, onnx_model
from vsda.export.parity import LARGEST_DIFFERENCE, check_parity
from vsda.export.run import write_onnx
from vsda.models import MODELS
from vsda.models.network import Level, SegmentationNetwork, Tap
from vsda.stream.transforms import decode_resized, normalise
from vsda.taxonomy import class_set

(EXAMPLE,) = (code for code in EXAMPLES if "onnxruntime" in code)


def noise(*shape):
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def session_of(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def shapes_of(session):
    """Return the name, type and shape of the inputs and of the outputs."""
    return [
        (one.name, one.type, one.shape) for one in (*session.get_inputs(), *session.get_outputs())
    ]


@torch.inference_mode()
def check_logits(exported, *sizes, frames=()):
    """Compare logits for batches and sizes that the export itself has not tried."""
    session = session_of(exported.path)
    for batch in (1, 3):
        for size in sizes:
            pictures = noise(batch, *frames, 3, *size)
            expected = exported.trained.network(normalise(pictures)).numpy()
            (logits,) = session.run(["logits"], {"pictures": pictures.numpy()})
            assert logits.shape == (batch, *frames, 3, *size)
            assert np.abs(logits - expected).max() < 1e-5 * np.abs(expected).max()


class TestSwin:
    def test_onnxruntime_gives_the_logits_of_any_batch(self, swin):
        check_logits(swin, (32, 32))

    def test_inputs_and_outputs_have_their_names_types_and_shapes(self, swin):
        assert shapes_of(session_of(swin.path)) == [
            ("pictures", "tensor(uint8)", ["batch", 3, 32, 32]),
            ("logits", "tensor(float)", ["batch", 3, 32, 32]),
        ]

    def test_the_file_is_whole_and_of_the_stated_opset(self, swin):
        model = onnx.load(swin.path)
        onnx.checker.check_model(model, full_check=True)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]
        assert not model.functions
        kinds = {each.data_type for each in model.graph.initializer}
        assert not kinds & {onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16}

    def test_the_metadata_say_what_it_is(self, swin):
        found = session_of(swin.path).get_modelmeta().custom_metadata_map
        recipe = json.loads(found.pop("recipe"))
        assert recipe == swin.trained.recipe.model_dump(mode="json")
        assert found.pop("vsda")
        assert found.pop("checkpoint_sha256") == digest(swin.trained.checkpoint)
        assert found == {
            "classes": '["background", "person", "dog"]',
            "step": "7",
            "weights": "average",
            "pictures": "uint8 RGB",
            "size_px": "32",
            "mean": "[0.485, 0.456, 0.406]",
            "std": "[0.229, 0.224, 0.225]",
        }

    def test_no_place_on_this_machine_is_in_the_file(self, swin):
        content = swin.path.read_bytes()
        for place in (str(ROOT), sys.prefix, "site-packages", "stack_trace"):
            assert place.encode() not in content

    def test_the_comparison_covers_both_batches_and_kinds_of_pictures(self, swin):
        tried = {(one.pictures, one.batch) for one in swin.done.parity}
        assert tried == {(kind, batch) for kind in ("noise", "shapes") for batch in (1, 2)}
        assert all(one.difference < LARGEST_DIFFERENCE / 10 for one in swin.done.parity)
        assert all(one.agreement > 0.999 for one in swin.done.parity)

    def test_a_file_of_other_weights_is_told_by_the_comparison(self, swin):
        with torch.no_grad():
            weight = swin.trained.network.decoder.conv_seg.weight
            weight *= 1.001
            try:
                with pytest.raises(ExportError, match=r"differ from torch's by 0\.00"):
                    check_parity(swin.trained, swin.path, preprocessing=True)
            finally:
                weight /= 1.001

    def test_the_example_of_the_readme_runs_with_onnxruntime_and_pillow_alone(self, swin, tmp_path):
        (tmp_path / "swin-patch.onnx").symlink_to(swin.path)
        photo = make_sample(0, size_px=64, sequence=None).jpg
        (tmp_path / "photo.jpg").write_bytes(photo)
        blocked = "import sys; sys.modules.update(dict.fromkeys(['torch', 'vsda', 'onnx']))\n"
        process = subprocess.run(
            [sys.executable, "-c", blocked + EXAMPLE],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        with torch.inference_mode():
            logits = swin.trained.network(normalise(decode_resized(photo, 32))[None])[0]
        names = ("background", "person", "dog")
        expected = [names[index] for index in np.unique(class_indices(logits, (32, 32)))]
        assert process.stdout.split() == expected


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Tiny(SegmentationNetwork):
    """A convolution, so that an export takes little; `drift` makes every call another network."""

    classifiers = ()

    def __init__(self, drift=0.0, clip_frames=None):
        super().__init__()
        self.num_classes, self.clip_frames = 3, clip_frames
        self.taps = {"stage1": Tap(channels=3, stride_px=1)}
        self.layer = torch.nn.Conv2d(3, 3, 1)
        self.drift, self.calls = drift, 0

    def encode(self, pictures, until=None):
        self.calls += 1
        tokens = pictures.movedim(-3, -1) * (1 + self.drift * self.calls)
        return {"stage1": Level(tokens, tokens)}

    def decode(self, levels, size):
        return self.layer(levels["stage1"].raw.flatten(0, -4).movedim(-1, 1))


def tiny(tmp_path, network):
    path = tmp_path / "step-000001.pt"
    path.write_bytes(b"checkpoint")
    return TrainedNetwork(
        network=network.eval(),
        recipe=small_recipe(),
        classes=class_set("person,dog"),
        step=1,
        checkpoint=path,
    )


def test_a_file_that_computes_something_else_is_not_kept(tmp_path):
    out = tmp_path / "out" / "net.onnx"
    with pytest.raises(ExportError) as told:
        write_onnx(tiny(tmp_path, Tiny(drift=1e-3)), out, preprocessing=True)
    assert str(told.value).startswith(f"{out}: onnxruntime's logits differ from torch's by 0.00")
    assert "expected 0.0001 at most; the file is not kept" in str(told.value)
    assert not list(out.parent.iterdir())


def test_without_preprocessing_pictures_are_normalised_floats_and_bytes_repeat(tmp_path):
    trained = tiny(tmp_path, Tiny())
    paths = [tmp_path / name for name in ("one.onnx", "other.onnx")]
    parities = [write_onnx(trained, path, preprocessing=False) for path in paths]
    session = session_of(paths[0])
    assert shapes_of(session)[0] == ("pictures", "tensor(float)", ["batch", 3, 32, 32])
    assert session.get_modelmeta().custom_metadata_map["pictures"] == "float32 RGB, normalised"
    assert [len(parity) for parity in parities] == [4, 4]
    assert paths[0].read_bytes() == paths[1].read_bytes()


class Unwritable(Tiny):
    """Takes another way for other values, which no graph does."""

    def decode(self, levels, size):
        return super().decode(levels, size) * (2 if levels["stage1"].raw.sum() > 0 else 1)


def test_a_network_that_torch_cannot_write_is_told_in_one_line(tmp_path):
    with pytest.raises(ExportError, match="torch cannot write this network as ONNX") as told:
        onnx_model(tiny(tmp_path, Unwritable()), preprocessing=True)
    assert str(told.value).endswith("export it as .safetensors")
    assert "\n" not in str(told.value)


@pytest.mark.slow
class TestSlow:
    def test_deeplabv3_takes_pictures_of_any_size(self, tmp_path):
        exported = ExportedRun(tmp_path, "deeplabv3")
        assert shapes_of(session_of(exported.path)) == [
            ("pictures", "tensor(uint8)", ["batch", 3, "height", "width"]),
            ("logits", "tensor(float)", ["batch", 3, "height", "width"]),
        ]
        check_logits(exported, (32, 32), (61, 83), (16, 40))

    def test_timm_upernet_gives_the_logits_of_any_batch(self, tmp_path):
        check_logits(ExportedRun(tmp_path, "timm_upernet"), (32, 32))

    def test_video_swin_upernet_takes_clips(self, tmp_path):
        exported = ExportedRun(tmp_path, "video_swin_upernet")
        assert shapes_of(session_of(exported.path)) == [
            ("pictures", "tensor(uint8)", ["batch", 4, 3, 32, 32]),
            ("logits", "tensor(float)", ["batch", 4, 3, 32, 32]),
        ]
        check_logits(exported, (32, 32), frames=(4,))

    @pytest.mark.parametrize("network", sorted(MODELS))
    def test_every_network_at_its_full_size(self, tmp_path, network, monkeypatch):
        monkeypatch.setitem(NETWORKS, network, {"name": network})
        exported = ExportedRun(tmp_path, network, size_px=256)
        assert all(one.agreement > 0.999 for one in exported.done.parity)
