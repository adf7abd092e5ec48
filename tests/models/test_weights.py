"""Loading of checkpoints and of the authors' files; every name is accounted for."""

import pickle
import random
import tarfile

import numpy as np
import pytest
import torch

from tests.models.authors_layout import layout, random_state
from vsda.errors import UsageError, VsdaError, WeightsError
from vsda.models.deeplabv3 import DeepLabv3
from vsda.models.swin_upernet import SwinUperNet
from vsda.models.weights import check_weights, load_weights, read_weights

TINY = {
    "embed_dim": 8,
    "depths": (2, 2),
    "num_heads": (1, 2),
    "window_size": 2,
    "decoder_channels": 8,
}
CLASSIFIER = {"decoder.conv_seg.weight", "decoder.conv_seg.bias"}
KNOWN_FILES = (
    "expected a checkpoint of `vsda train` or one of the published layouts; choose another file,"
    " or fetch this one again"
)
INDEX = "relative_position_index"


def tiny(num_classes=3, **settings):
    return SwinUperNet(num_classes=num_classes, **(TINY | settings))


def state_of(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(state, other):
    return all(torch.equal(state[name], other[name]) for name in state.keys() | other.keys())


@pytest.fixture
def authors_state():
    return random_state(layout(num_classes=3, **TINY))


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint of a tiny network as training writes it."""
    path = tmp_path / "step-000020.pt"
    torch.save({"network": tiny().state_dict(), "optimizer": {"state": {}}, "step": 20}, path)
    return path


def save(tmp_path, content):
    torch.save(content, tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


def refusal(path, network=None):
    """Return the message of the error, having checked that the network was not touched."""
    network = network or tiny()
    before = state_of(network)
    with pytest.raises(WeightsError) as caught:
        load_weights(network, path)
    assert same(before, state_of(network))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_our_own_checkpoint_is_loaded_whole(checkpoint):
    network = tiny()
    report = load_weights(network, checkpoint)
    assert same(torch.load(checkpoint)["network"], state_of(network))
    assert report.layout == "weights of vsda"
    indices = {name for name in network.state_dict() if name.endswith(INDEX)}
    assert set(report.loaded) == set(network.state_dict()) - indices
    reason = "follows from the window size"
    assert report.skipped == report.missing == dict.fromkeys(indices, reason)


def test_a_classifier_for_other_classes_is_skipped_and_kept_as_it_was(checkpoint):
    network = tiny(num_classes=7)
    before = state_of(network)
    report = load_weights(network, checkpoint)
    reason = "classifier of 3 classes, the network has 7"
    assert report.skipped == report.missing
    assert {name for name, why in report.missing.items() if why == reason} == CLASSIFIER
    saved, after = torch.load(checkpoint)["network"], state_of(network)
    for name in after:
        assert torch.equal(after[name], (before if name in CLASSIFIER else saved)[name])


def test_the_authors_classifier_is_reported_under_their_name(tmp_path, authors_state):
    report = load_weights(tiny(11), save(tmp_path, {"state_dict": authors_state}))
    reason = "classifier of 3 classes, the network has 11"
    assert report.skipped["decode_head.conv_seg.weight"] == reason
    assert report.missing["decoder.conv_seg.weight"] == reason


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("backbone.patch_embed.proj.weight", "encoder.features.0.0.weight"),
        ("backbone.patch_embed.norm.bias", "encoder.features.0.2.bias"),
        ("backbone.layers.0.blocks.1.norm2.weight", "encoder.features.1.1.norm2.weight"),
        ("backbone.layers.1.blocks.0.mlp.fc1.weight", "encoder.features.3.0.mlp.0.weight"),
        ("backbone.layers.1.blocks.0.mlp.fc2.bias", "encoder.features.3.0.mlp.3.bias"),
        ("backbone.layers.0.downsample.norm.weight", "encoder.features.2.norm.weight"),
        ("backbone.norm1.weight", "encoder.norm1.weight"),
        ("decode_head.psp_modules.3.1.bn.running_var", "decoder.psp_modules.3.1.bn.running_var"),
        ("decode_head.conv_seg.bias", "decoder.conv_seg.bias"),
    ],
)
def test_the_authors_names_reach_their_places(tmp_path, authors_state, theirs, ours):
    network = tiny()
    load_weights(network, save(tmp_path, {"meta": {}, "state_dict": authors_state}))
    assert torch.equal(network.state_dict()[ours], authors_state[theirs])


def test_attention_masks_of_other_versions_are_skipped(tmp_path, authors_state):
    authors_state["backbone.layers.0.blocks.1.attn_mask"] = torch.zeros(4, 4, 4)
    report = load_weights(tiny(), save(tmp_path, {"state_dict": authors_state}))
    assert report.skipped["backbone.layers.0.blocks.1.attn_mask"] == "follows from the window size"


def test_the_summary_counts_by_reason(tmp_path, authors_state):
    report = load_weights(tiny(11), save(tmp_path, {"state_dict": authors_state}))
    assert report.summary() == (
        f"{len(tiny().state_dict()) - 6} loaded"
        ", 8 skipped (the network has no auxiliary head)"
        ", 2 skipped (classifier of 3 classes, the network has 11)"
        ", 4 skipped (follows from the window size)"
        ", 2 missing (classifier of 3 classes, the network has 11)"
        ", 4 missing (follows from the window size)"
    )


def test_half_precision_weights_are_widened(tmp_path):
    half = {name: tensor.half() for name, tensor in tiny().state_dict().items()}
    network = tiny()
    load_weights(network, save(tmp_path, {"network": half}))
    assert network.decoder.conv_seg.weight.dtype == torch.float32
    assert torch.equal(network.decoder.conv_seg.weight, half["decoder.conv_seg.weight"].float())


def test_a_url_is_read_like_a_path(checkpoint):
    assert load_weights(tiny(), f"file://{checkpoint}").loaded


def test_a_name_that_the_network_lacks_is_an_error(tmp_path, authors_state):
    authors_state["backbone.stages.0.blocks.0.ffn.weight"] = torch.zeros(1)
    message = refusal(save(tmp_path, {"state_dict": authors_state}))
    assert "is a Swin + UperNet in its authors' layout, but 1 tensors do not fit" in message
    assert "has 'backbone.stages.0.blocks.0.ffn.weight', which the network lacks" in message
    assert message.endswith("expected weights of this very network; choose another file")


def test_a_name_that_the_file_lacks_is_an_error(tmp_path, authors_state):
    del authors_state["backbone.norm1.weight"]
    message = refusal(save(tmp_path, {"state_dict": authors_state}))
    assert "lacks 'encoder.norm1.weight'" in message


def test_weights_for_another_window_are_an_error(checkpoint):
    message = refusal(checkpoint, tiny(window_size=4))
    assert "as (9, 1), the network (49, 1)" in message
    assert message.endswith("goes with network.window_size=2; set that, or choose another file")


def test_a_classifier_of_another_width_is_an_error(tmp_path):
    state = tiny().state_dict()
    state["decoder.conv_seg.weight"] = torch.zeros(3, 5, 1, 1)
    message = refusal(save(tmp_path, {"network": state}))
    assert "has 'decoder.conv_seg.weight' as (3, 5, 1, 1), the network (3, 8, 1, 1)" in message


@pytest.mark.parametrize("name", ["none.pt", "."])
def test_a_missing_file_and_a_folder_are_named(tmp_path, name):
    with pytest.raises(VsdaError, match="cannot be read"):
        load_weights(tiny(), tmp_path / name)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            {"weights": {}, "epoch": 3},
            "holds 'weights', 'epoch', but no weights, open or under 'network', 'state_dict'",
        ),
        ({"model": {}}, "holds no tensors"),
        ({"network": {3: torch.zeros(1)}}, "its weights are not a dict of tensors"),
        ({"a": torch.zeros(1), "b": 3}, "its weights are not a dict of tensors"),
        ({}, "holds nothing, but no weights"),
        ([1, 2], "holds a list, not a dict"),
        ({"network": 3}, "its weights are not a dict of tensors"),
        ({"state_dict": {"backbone.norm0.weight": "x"}}, "its weights are not a dict of tensors"),
    ],
)
def test_another_layout_is_named(tmp_path, content, complaint):
    message = refusal(save(tmp_path, content))
    assert complaint in message
    assert message.endswith(KNOWN_FILES)


def test_objects_that_could_run_code_are_not_loaded(tmp_path):
    message = refusal(
        save(tmp_path, {"network": tiny().state_dict(), "numbers": np.random.default_rng()})
    )
    assert "damaged, or holds more than tensors and plain values (UnpicklingError)" in message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>not found</html>",
        bytes(1000),
        pickle.dumps({"a": 1}, protocol=2),
        b"PK\x03\x04",
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, data):
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    assert "damaged, or holds more than tensors and plain values" in refusal(path)


def test_a_tar_is_refused(tmp_path, checkpoint):
    path = tmp_path / "weights.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(checkpoint)
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path, zipped):
    path = tmp_path / "weights.pt"
    content = {"network": {"a": torch.arange(6.0)}}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    data, network = path.read_bytes(), tiny()
    for num_bytes in range(0, len(data), 3):
        path.write_bytes(data[:num_bytes])
        with pytest.raises(WeightsError, match="damaged"):
            load_weights(network, path)


def test_a_flipped_bit_in_the_weights_is_found(checkpoint):
    data = bytearray(checkpoint.read_bytes())
    weight = torch.load(checkpoint)["network"]["decoder.bottleneck.conv.weight"]
    data[data.index(weight.numpy().tobytes()) + 100] ^= 4
    checkpoint.write_bytes(data)
    assert "damaged" in refusal(checkpoint)


def test_no_flipped_bit_escapes_as_another_error(checkpoint):
    data = checkpoint.read_bytes()
    chance = random.Random(0)
    refused, network = 0, tiny()
    for _ in range(60):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        checkpoint.write_bytes(flipped)
        try:
            load_weights(network, checkpoint)
        except WeightsError:
            refused += 1
    assert refused > 20


# What may be missing, and what else fits


def test_what_may_miss_is_reported_and_kept(tmp_path, authors_state):
    for name in list(authors_state):
        if name.startswith("backbone.layers.1.blocks.1."):
            del authors_state[name]
    network = tiny()
    before = state_of(network)
    path = save(tmp_path, {"state_dict": authors_state})
    report = load_weights(network, path, may_miss=["encoder.features.3.1.*"])
    reason = "allowed to be missing by may_miss"
    missing = {name for name, why in report.missing.items() if why == reason}
    assert missing == {
        name
        for name in before
        if name.startswith("encoder.features.3.1.") and not name.endswith(INDEX)
    }
    assert same(
        {name: before[name] for name in missing},
        {name: state_of(network)[name] for name in missing},
    )


def test_what_may_miss_is_loaded_where_it_is_there(checkpoint):
    report = load_weights(tiny(), checkpoint, may_miss=["encoder.norm0.*"])
    assert "encoder.norm0.weight" in report.loaded


def test_what_may_miss_must_still_fit(tmp_path):
    state = tiny().state_dict()
    state["encoder.norm0.weight"] = torch.zeros(5)
    path = save(tmp_path, {"network": state})
    with pytest.raises(WeightsError, match=r"as \(5,\), the network \(8,\)"):
        load_weights(tiny(), path, may_miss=["encoder.norm0.*"])


def test_a_pattern_that_names_nothing_is_an_error(checkpoint):
    with pytest.raises(UsageError) as caught:
        load_weights(tiny(), checkpoint, may_miss=["encoder.nrom0.*"])
    assert str(caught.value) == (
        "may_miss: 'encoder.nrom0.*' matches no weight of the network;"
        " did you mean 'encoder.norm0.*'?"
    )


def test_weights_of_a_larger_swin_say_which_settings_fit(tmp_path):
    large = TINY | {"embed_dim": 16, "depths": (2, 4), "num_heads": (2, 4)}
    path = save(tmp_path, {"state_dict": random_state(layout(num_classes=3, **large))})
    assert refusal(path).endswith(
        "; the file goes with network.embed_dim=16 network.depths=[2, 4] network.num_heads=[2, 4];"
        " set that, or choose another file"
    )


def test_weights_of_another_network_say_which(tmp_path, authors_state):
    path = save(tmp_path, {"state_dict": authors_state})
    network = DeepLabv3(num_classes=3, depths=(1, 1, 1, 1), width_per_group=8, decoder_channels=8)
    assert refusal(path, network) == (
        f"{path}: is a Swin + UperNet in its authors' layout, for a network.name of swin_upernet"
        " or video_swin_upernet; this network is 'deeplabv3'; change network.name or the file"
    )


def test_weights_of_a_shallower_resnet_say_which_settings_fit(tmp_path):
    settings = {"num_classes": 3, "width_per_group": 8, "decoder_channels": 8}
    path = save(tmp_path, {"network": DeepLabv3(depths=(1, 2, 1, 1), **settings).state_dict()})
    message = refusal(path, DeepLabv3(depths=(1, 1, 1, 1), **settings))
    assert "the file goes with network.depths=[1, 2, 1, 1]; set that" in message


def test_names_of_no_layout_are_named(tmp_path):
    path = save(tmp_path, {"layer.weight": torch.zeros(3), "layer.bias": torch.zeros(3)})
    message = refusal(path)
    assert "holds 'layer.weight', 'layer.bias'..., a layout that is not known" in message
    assert message.endswith(KNOWN_FILES)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_values_that_are_not_finite_are_an_error(tmp_path, value):
    state = {name: tensor.double() for name, tensor in tiny().state_dict().items()}
    state["encoder.norm1.bias"][3] = value
    message = refusal(save(tmp_path, {"network": state}))
    assert "'encoder.norm1.bias' has values that are not finite" in message


def test_whole_numbers_for_weights_are_an_error(tmp_path):
    state = tiny().state_dict()
    state["encoder.norm1.bias"] = torch.zeros(16, dtype=torch.int64)
    message = refusal(save(tmp_path, {"network": state}))
    assert "has 'encoder.norm1.bias' as whole numbers" in message


def test_index_buffers_are_never_taken_from_a_file(tmp_path):
    state = tiny().state_dict()
    state["encoder.features.1.0.attn.relative_position_index"] += 1000  # would read out of bounds
    network = tiny()
    load_weights(network, save(tmp_path, {"network": state}))
    assert network.eval()(torch.zeros(1, 3, 32, 32)).isfinite().all()


def test_a_check_reports_what_loading_would_and_touches_nothing(tmp_path, authors_state):
    path = save(tmp_path, {"state_dict": authors_state})
    network = tiny(11)
    before = state_of(network)
    report = check_weights(network, read_weights(path))
    assert same(before, state_of(network))
    assert report == load_weights(network, path)
    assert not same(before, state_of(network))


def test_a_check_raises_what_loading_would(tmp_path):
    state = tiny().state_dict()
    del state["encoder.norm0.bias"]
    path = save(tmp_path, {"network": state})
    with pytest.raises(WeightsError, match=r"lacks 'encoder\.norm0\.bias'"):
        check_weights(tiny(), path)


def test_the_auxiliary_head_is_loaded_where_the_network_has_one(tmp_path, authors_state):
    network = tiny(auxiliary=True)
    report = load_weights(network, save(tmp_path, {"state_dict": authors_state}))
    assert "auxiliary.convs.0.bn.running_mean" in report.loaded
    weight = authors_state["auxiliary_head.conv_seg.weight"]
    assert torch.equal(network.auxiliary.conv_seg.weight, weight)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("wrapper", [None, "state_dict"])
def test_prefixes_of_wrappers_are_taken_off_and_told(tmp_path, prefix, wrapper):
    state = {f"{prefix}{name}": tensor for name, tensor in tiny().state_dict().items()}
    path = save(tmp_path, {wrapper: state} if wrapper else state)
    report = load_weights(tiny(), path)
    assert report.notes == (f"all names without their prefix {prefix!r}",)
    assert not {why for why in report.skipped.values() if why != "follows from the window size"}


def test_a_prefix_of_some_names_stays(tmp_path, checkpoint):
    state = tiny().state_dict() | {"module.more": torch.zeros(1)}
    assert "has 'module.more', which the network lacks" in refusal(save(tmp_path, state))


def test_a_name_of_a_megabyte_is_cut_in_messages(tmp_path):
    long = "k" * 1_000_000
    network = tiny().state_dict()
    for content in ({long: torch.zeros(1)}, network | {long: torch.zeros(1)}, {long: 1}):
        assert len(refusal(save(tmp_path, content))) < 700


@pytest.mark.parametrize("with_recipe", [True, False])
def test_a_checkpoint_of_another_network_says_which_it_is_of(tmp_path, with_recipe):
    recipe = {"recipe": {"network": {"name": "swin_upernet"}}} if with_recipe else {}
    path = save(tmp_path, {"network": tiny().state_dict()} | recipe)
    network = DeepLabv3(num_classes=3, depths=(1, 1, 1, 1), width_per_group=8, decoder_channels=8)
    message = refusal(path, network)
    assert "it is a swin_upernet" in message
    assert "this network is 'deeplabv3'; change network.name or the file" in message
    assert "network.depths" not in message
    assert read_weights(path).networks == ("swin_upernet", "video_swin_upernet")


def test_a_file_that_lacks_some_tensors_is_told_of_may_miss(tmp_path):
    state = tiny().state_dict()
    del state["encoder.norm0.weight"]
    path = save(tmp_path, state)
    assert refusal(path).endswith(", or name what it may lack in init.may_miss")
    report = load_weights(tiny(), path, may_miss=["encoder.norm0.*"])
    assert "encoder.norm0.weight" in report.missing


def test_what_a_file_has_too_much_is_no_matter_of_may_miss(tmp_path):
    state = tiny().state_dict() | {"encoder.more": torch.zeros(1)}
    assert "may_miss" not in refusal(save(tmp_path, state))
