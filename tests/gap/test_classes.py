"""Classes in tokens of both domains."""

import torch

from tests.gap.made_tokens import made_tokens
from vsda.gap.classes import LEAST_GROUPS, class_probe, separability_by_class, usable_classes

NAMES = ("background", "person", "dog")


def with_classes(tokens, images_by=0, videos_by=0):
    """Give every token a class, which a far shift in a channel shows; None shows nothing."""
    classes = torch.arange(len(tokens)) % 3
    for domain, channel in enumerate((images_by, videos_by)):
        if channel is not None:
            own = tokens.domains == domain
            tokens.features[own, channel] += 20.0 * classes[own]
    tokens.classes[:] = classes
    return tokens


def test_classes_that_are_shown_alike_are_found_on_video():
    found = class_probe(with_classes(made_tokens(channels=4)), NAMES, 0)
    assert found.classes == NAMES
    assert min(found.on_images, found.on_videos, found.videos_on_videos) > 0.97


def test_classes_that_are_shown_in_another_way_are_there_but_not_found():
    found = class_probe(with_classes(made_tokens(channels=4), videos_by=1), NAMES, 0)
    assert found.on_images > 0.97
    assert found.on_videos < 0.6
    assert found.videos_on_videos > 0.97


def test_classes_that_are_lost_on_video_are_found_by_no_probe():
    found = class_probe(with_classes(made_tokens(channels=4), videos_by=None), NAMES, 0)
    assert found.on_images > 0.97
    assert max(found.on_videos, found.videos_on_videos) < 0.5


def test_gap_in_what_is_shown_is_none_inside_of_classes():
    tokens = with_classes(made_tokens(channels=4, groups=(40, 40), per_group=(9, 9)))
    shown = (tokens.classes != 2) | (tokens.domains == 0)  # no dogs on video
    found = separability_by_class(tokens.where(shown), NAMES, 0)
    assert set(found) == {"background", "person"}
    assert all(abs(each.distance) < 0.4 for each in found.values())


def test_class_in_too_few_pictures_is_left_out():
    tokens = with_classes(made_tokens())
    dogs = (tokens.classes == 2) & (tokens.domains == 1)
    many = tokens.groups[dogs].unique()[LEAST_GROUPS - 1 :]
    kept = tokens.where(~(dogs & torch.isin(tokens.groups, many)))
    assert usable_classes(kept) == [0, 1]
    assert class_probe(kept.where(kept.classes == 0), NAMES, 0) is None
