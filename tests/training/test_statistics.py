"""Batch norms that get the statistics of unlabelled frames after the last step."""

import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import jaccard_score
from torch import nn

from tests.made_sets import make_places, make_sample, make_set
from tests.training.processes import finished, train_command, write_toml
from tests.training.small import DOMAIN, NETWORKS, SWIN, small_recipe
from tests.training.test_run import run, same, same_state
from vsda.errors import RecipeError
from vsda.stream.domains import DomainSets, Place, check_batches, stream_domains
from vsda.stream.transforms import normalise
from vsda.training.build import build_network
from vsda.training.checkpoint import list_checkpoints, load_checkpoint
from vsda.training.inputs import open_inputs
from vsda.training.statistics import check_statistics

SHORT = {"steps": 4, "checkpoint_every": 2, "optimizer": {"learning_rate": 0.05}}
RENEWED = SHORT | {"statistics": "videos", "statistics_batches": 3}
STILL = SWIN | {"drop_path_rate": 0.0}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return make_places(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="module")
def renewed(tmp_path_factory, places):
    """Return the folder of a run whose norms got new statistics."""
    folder = tmp_path_factory.mktemp("renewed") / "run"
    run(small_recipe(**RENEWED), places, folder)
    return folder


def last(run_dir):
    return load_checkpoint(list_checkpoints(run_dir)[-1])


def averages(state):
    return {name: value for name, value in state.items() if ".running_" in name}


def others(state):
    return {name: value for name, value in state.items() if "running_" not in name}


def pictures_of(kind, places, recipe, first=4):
    """Yield the pictures that a run would draw, see `parts_of`."""
    return (part.pictures for part in parts_of(kind, places, recipe, first))


def parts_of(kind, places, recipe, first=4, number=3):
    """Yield what a run would draw of `images` or `videos` in so many steps from `first` on."""
    updates = {"images": tuple(places[0]), "videos": tuple(places[1]), "steps": first + number}
    named = recipe.model_copy(update=updates)
    inputs = open_inputs(named)
    sets = DomainSets(**{kind: getattr(inputs.domains(), kind)})
    for batch in stream_domains(named, inputs.classes, sets, Place(start_step=first)):
        yield getattr(batch, kind)


def by_hand(state, places, recipe, first=4):
    """Return a network's state after torch's own cumulative averages over the frames."""
    network = build_network(recipe, 3)
    network.load_state_dict(state)
    network.eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
            layer.train()
    with torch.no_grad():
        for pictures in pictures_of("videos", places, recipe, first):
            network(normalise(pictures))
    return network.state_dict()


def test_averages_are_those_of_the_frames_that_further_steps_would_draw(places, renewed, tmp_path):
    own = run(small_recipe(**SHORT), places, tmp_path / "own").network
    new = last(renewed).network
    expected = averages(by_hand(own, places, small_recipe(**RENEWED)))
    assert expected
    for name, value in averages(new).items():
        torch.testing.assert_close(value, expected[name], msg=name)
        assert not torch.allclose(value, own[name], rtol=0.01), name


def test_a_share_stops_on_the_way(places, renewed, tmp_path):
    own = run(small_recipe(**SHORT), places, tmp_path / "own").network
    part = run(small_recipe(**RENEWED, statistics_share=0.25), places, tmp_path / "part").network
    whole = last(renewed).network
    for name, value in averages(part).items():
        torch.testing.assert_close(value, 0.75 * own[name] + 0.25 * whole[name], msg=name)


def test_balanced_frames_count_by_the_classes_that_the_network_sees_in_both(
    places, tmp_path, monkeypatch
):
    """Recomputed by hand for the norms that no other norm comes before."""
    monkeypatch.setattr("vsda.training.statistics._KEPT", 0.0)
    start = run(small_recipe(**SHORT), places, tmp_path / "own").network
    recipe = small_recipe(**RENEWED | {"statistics": "balanced"})
    found = averages(run(recipe, places, tmp_path / "run").network)
    expected = balanced_by_hand(start, places, recipe)
    plain = averages(by_hand(start, places, recipe))
    assert expected
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)
        assert not torch.allclose(value, plain[name], rtol=1e-3), name


@pytest.mark.parametrize(
    ("kind", "least", "level", "stays"),
    [
        ("videos", 0.0, "INFO", True),
        ("videos", 100.0, "WARNING", True),
        ("balanced", 0.0, "INFO", True),
        ("balanced", 100.0, "WARNING", False),
    ],
)
def test_a_run_tells_what_statistics_cost_on_images_and_gives_up_balanced_ones_that_cost_much(
    places, tmp_path, caplog, monkeypatch, kind, least, level, stays
):
    start = run(small_recipe(**SHORT), places, tmp_path / "own").network
    settings = RENEWED | {"steps": 0, "statistics": kind, "statistics_share": 0.5}
    recipe = small_recipe(**settings | {"init": {"weights": str(tmp_path / "own")}})
    monkeypatch.setattr("vsda.training.statistics._KEPT", 0.0)
    renewed = run(recipe, places, tmp_path / "renewed").network
    monkeypatch.setattr("vsda.training.statistics._KEPT", least)
    caplog.clear()
    caplog.set_level("INFO", logger="vsda")
    found = run(recipe, places, tmp_path / "run").network
    assert not same(averages(start), averages(renewed))
    assert same(averages(found), averages(renewed if stays else start))
    (told,) = [each for each in caplog.records if "labelled images" in each.message]
    before, after = (mean_iou_on_images(state, places, recipe) for state in (start, renewed))
    assert told.levelname == level
    assert f"{before:.1%} by its own, {after:.1%} by the frames'" in told.message


def mean_iou_on_images(state, places, recipe):
    """Return the mean over batches of scikit-learn's macro Jaccard index of what each holds."""
    network = build_network(recipe, 3)
    network.load_state_dict(state)
    network.eval()
    scores = []
    for part in parts_of("images", places, recipe, first=0):
        with torch.no_grad():
            found = network(normalise(part.pictures)).argmax(-3)
        kept = part.masks != 255
        truth = part.masks[kept].numpy()
        scores.append(
            jaccard_score(truth, found[kept].numpy(), labels=sorted({*truth}), average="macro")
        )
    return sum(scores) / len(scores)


@pytest.mark.parametrize("name", ["video_swin_upernet", "deeplabv3", "timm_upernet"])
@pytest.mark.parametrize("kind", ["videos", "balanced"])
def test_every_network_gets_statistics_and_tells_what_they_cost(
    places, tmp_path, caplog, monkeypatch, name, kind
):
    monkeypatch.setattr("vsda.training.statistics._KEPT", 0.0)
    caplog.set_level("INFO", logger="vsda")
    frames = [make_sample(i, size_px=32, sequence=f"c{i // 4}", darkness=0.4) for i in range(8)]
    make_set(tmp_path, "clips", frames)  # of which each lies in one shard
    places = (places[0], [f"{tmp_path}/clips"])
    network = NETWORKS[name] | ({"clip_frames": 2} if name.startswith("video") else {})
    own = small_recipe(**SHORT, network=network)
    start = run(own, places, tmp_path / "own").network
    settings = RENEWED | {"steps": 0, "statistics": kind, "network": network}
    recipe = small_recipe(**settings | {"init": {"weights": str(tmp_path / "own")}})
    found = run(recipe, places, tmp_path / "run").network
    assert all(value.isfinite().all() for value in averages(found).values())
    assert not same(averages(found), averages(start))
    (told,) = [each.message for each in caplog.records if "labelled images" in each.message]
    before, after = (mean_iou_on_images(state, places, recipe) for state in (start, found))
    assert f"{before:.1%} by its own, {after:.1%} by the frames'" in told


def balanced_by_hand(state, places, recipe):
    """Return the balanced averages of the decoder's lateral norms, which see the encoder alone."""
    network = build_network(recipe, 3)
    network.load_state_dict(state)
    network.eval()
    given = {}
    for name, layer in network.named_modules():
        if "lateral_convs" in name and isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(lambda _, maps, __, name=name: given.update({name: maps}))
    shares = {}
    batches = []
    with torch.no_grad():
        for kind in ("images", "videos"):
            counted = torch.zeros(3)
            for pictures in pictures_of(kind, places, recipe):
                classes = network(normalise(pictures)).argmax(1)
                counted += torch.stack([(classes == one).sum() for one in range(3)])
                if kind == "videos":
                    batches.append((classes, {name: maps[0] for name, maps in given.items()}))
            shares[kind] = counted / counted.sum()
    counts = (shares["images"] / shares["videos"]).clamp(0.2, 5)
    assert not torch.allclose(counts, torch.ones(3), rtol=0.05)
    expected = {}
    for name in given:
        means, variances = [], []
        for classes, maps in batches:
            values = maps[name]
            factor = classes.shape[-1] // values.shape[-1]
            weights = nn.functional.avg_pool2d(counts[classes][:, None], factor)
            flat = values.movedim(1, -1).flatten(0, -2).double()
            flat_weights = weights.movedim(1, -1).flatten(0, -2).double()
            mean = (flat * flat_weights).sum(0) / flat_weights.sum()
            squares = ((flat - mean) ** 2 * flat_weights).sum(0) / flat_weights.sum()
            effective = flat_weights.sum() ** 2 / flat_weights.square().sum()
            means.append(mean)
            variances.append(squares * effective / (effective - 1))
        expected[f"{name}.running_mean"] = torch.stack(means).mean(0).float()
        expected[f"{name}.running_var"] = torch.stack(variances).mean(0).float()
    return expected


def test_without_a_step_a_trained_network_gets_statistics_and_nothing_else(places, tmp_path):
    start = run(small_recipe(**SHORT), places, tmp_path / "own").network
    recipe = small_recipe(**RENEWED | {"steps": 0, "init": {"weights": str(tmp_path / "own")}})
    found = run(recipe, places, tmp_path / "run")
    assert found.step == 0
    weights = {name for name in others(start) if "num_batches" not in name}
    assert all(torch.equal(found.network[name], start[name]) for name in weights)
    for name, value in averages(by_hand(start, places, recipe, first=0)).items():
        torch.testing.assert_close(found.network[name], value, msg=name)
    assert same_state(found, run(recipe, places, tmp_path / "run", resume="yes"))


def test_weights_are_those_of_a_run_without(places, renewed, tmp_path):
    run(small_recipe(**SHORT), places, tmp_path / "own")
    own, new = last(tmp_path / "own"), last(renewed)
    trained = {name for name in others(own.network) if "num_batches" not in name}
    assert all(torch.equal(own.network[name], new.network[name]) for name in trained)
    assert same(own.optimizers, new.optimizers)


def test_earlier_checkpoints_keep_what_training_left(places, renewed, tmp_path):
    run(small_recipe(**SHORT), places, tmp_path / "own")
    one, other = (
        load_checkpoint(list_checkpoints(each)[0]) for each in (tmp_path / "own", renewed)
    )
    assert (one.step, other.step) == (2, 2)
    assert same(one.network, other.network)


def test_a_run_killed_before_its_end_does_it_again(places, tmp_path):
    recipe = small_recipe(**RENEWED | {"ema_decay": 0.9})
    whole = run(recipe, places, tmp_path / "run")
    list_checkpoints(tmp_path / "run")[-1].unlink()
    assert same_state(whole, run(recipe, places, tmp_path / "run", resume="yes"))


def test_of_a_run_that_keeps_an_average_the_averaged_network_is_renewed(places, tmp_path):
    recipe = small_recipe(**RENEWED | {"ema_decay": 0.9})
    own = run(small_recipe(**SHORT | {"ema_decay": 0.9}), places, tmp_path / "own")
    new = run(recipe, places, tmp_path / "new")
    assert same(own.network, new.network)
    expected = averages(by_hand(own.ema, places, recipe))
    for name, value in averages(new.ema).items():
        torch.testing.assert_close(value, expected[name], msg=name)


def test_steps_of_a_run_without_another_use_for_frames_draw_none(places):
    recipe = small_recipe(**RENEWED)
    assert (recipe.uses_videos, recipe.needs_videos, recipe.trains_on_videos) == (True, True, False)
    assert small_recipe(**RENEWED | {"adversarial": DOMAIN}).trains_on_videos


def test_a_run_of_no_steps_that_would_do_nothing_is_refused():
    with pytest.raises(ValidationError, match=r"steps = 0 trains nothing.*or raise steps"):
        small_recipe(steps=0)


def test_what_cannot_be_averaged_over_is_refused():
    with pytest.raises(ValidationError, match="averages over frames without labels: name videos"):
        small_recipe(statistics="videos", videos=())
    with pytest.raises(ValidationError, match="shares that they have in images: name images"):
        small_recipe(statistics="balanced", images=(), labelled_videos=("davis-train",))
    check_batches(small_recipe(batch_videos=1), 1)
    with pytest.raises(RecipeError, match=r"batch_videos: 1 samples.*from 2 on, such as 2"):
        check_batches(small_recipe(statistics="videos", batch_videos=1), 1)


def test_a_network_without_batch_norms_is_refused():
    bare = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm2d(3, track_running_stats=False))
    check_statistics(bare, small_recipe())
    with pytest.raises(RecipeError, match=r"statistics: videos gives .* swin_upernet has none"):
        check_statistics(bare, small_recipe(statistics="videos"))


@pytest.mark.slow
def test_two_ranks_balance_what_both_see(places, tmp_path):
    """A small step, with which the network keeps what it can do."""
    settings = RENEWED | {"batch_videos": 4, "statistics": "balanced", "network": STILL, "steps": 0}
    start = SHORT | {"batch_videos": 4, "network": STILL}
    own = averages(run(small_recipe(**start), places, tmp_path / "own").network)
    settings |= {"init": {"weights": str(tmp_path / "own")}, "statistics_share": 0.02}
    recipe = write_toml(tmp_path / "ranks.toml", settings | {"workers": 1})
    finished(train_command(recipe, places, tmp_path / "run", "--devices", 2))
    expected = averages(run(small_recipe(**settings), places, tmp_path / "alone").network)
    for name, value in averages(last(tmp_path / "run").network).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6, msg=name)
        assert not torch.allclose(value, own[name], rtol=1e-3, atol=1e-4), name


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_two_ranks_average_over_the_frames_of_both(places, tmp_path, shared):
    """Where each rank has norms of its own, those behind others see what its half made of them."""
    settings = RENEWED | {"batch_videos": 4, "sync_batch_norm": shared, "network": STILL}
    recipe = write_toml(tmp_path / "ranks.toml", settings | {"workers": 1})
    finished(train_command(recipe, places, tmp_path / "run", "--devices", 2))
    found = last(tmp_path / "run").network
    expected = averages(by_hand(found, places, small_recipe(**settings)))
    first = [name for name in expected if "lateral" in name and "running_mean" in name]
    assert first
    for name in expected if shared else first:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=1e-4, msg=name)
