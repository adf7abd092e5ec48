"""Tokens in two dimensions, by domain and by class, at every tap of a network.

Across is the direction in which the linear probe tells the domains apart, up is the first principal
component of what is left of the tokens without it. Both come from the tokens that the probe was
fitted on; what is drawn are the others, as tokens that a probe has seen lie apart in any case.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vsda.gap.separability import Held
from vsda.gap.tokens import IMAGE, VIDEO, Tokens
from vsda.palette import class_colour
from vsda.taxonomy import BACKGROUND_ID

_MOST_POINTS = 600
"""Of each domain in a panel."""
_PANEL_INCHES = 2.5
_DPI = 130
_DOMAIN_COLOURS = {IMAGE: "#2869d0", VIDEO: "#e07000"}
_BACKGROUND_COLOUR = "#b4b4b4"
_MARKERS = {IMAGE: "o", VIDEO: "^"}
_TRIMMED = 0.005
"""Share of tokens at each end that may lie outside of a panel: one far token would squeeze all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """What is drawn of a tap.

    Attributes:
        tap: Its name.
        distance: The proxy A-distance of its tokens.
        held: The probe whose direction is drawn, and which of `tokens` it has not seen.
        tokens: Of places drawn at random.
        of_classes: Of places that one class dominates.
    """

    tap: str
    distance: float
    held: Held
    tokens: Tokens
    of_classes: Tokens


def draw_picture(
    name: str,
    panels: Sequence[Panel],
    set_names: tuple[str, str],
    coco_ids: Mapping[str, int],
) -> bytes:
    """Return a PNG with a column for each tap: by domain above, by class below where labels are.

    Args:
        name: Of the network.
        panels: From shallow to deep.
        set_names: Of the images and of the videos.
        coco_ids: Of each class by name, in the order of class indices.
    """
    has_classes = any(len(panel.of_classes) for panel in panels)
    rows = 2 if has_classes else 1
    size = (_PANEL_INCHES * len(panels) + 1.6, _PANEL_INCHES * rows + 1.1)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, len(panels), squeeze=False)
    for column, panel in enumerate(panels):
        directions = probe_directions(panel)
        limits = _draw_domains(axes[0, column], panel, directions)
        _frame(axes[0, column], limits)
        if has_classes:
            _draw_classes(axes[1, column], panel, directions, list(coco_ids.values()))
            _frame(axes[1, column], limits)
    _label(axes[0, -1], dict(zip(set_names, _DOMAIN_COLOURS.values(), strict=True)))
    if has_classes:
        shown = {int(each) for panel in panels for each in torch.unique(panel.of_classes.classes)}
        names = {
            each: _colour(coco_ids[each]) for number, each in enumerate(coco_ids) if number in shown
        }
        _label(axes[1, -1], names)
    figure.suptitle(
        f"{name}: tokens that the probe has not seen. Across: what tells the domains apart; "
        "up: the first principal component of the rest",
        fontsize=9,
    )
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=_DPI)
    return data.getvalue()


def probe_directions(panel: Panel) -> Tensor:
    """Return (C, 2): the unit direction of the probe, and one at right angles to it.

    Both are of standardised features, see `Probe.standardised`.
    """
    probe, fitted = panel.held.probe, panel.tokens.features[~panel.held.out]
    direction = probe.weights[:, 0] / probe.weights[:, 0].norm().clamp_min(1e-12)
    inputs = probe.standardised(fitted)
    rest = inputs - (inputs @ direction)[:, None] * direction
    # The principal components of C channels from the covariance: C is smaller than M.
    _, vectors = torch.linalg.eigh(rest.T @ rest)
    return torch.stack((direction, vectors[:, -1]), dim=1)


def _draw_domains(axes: Axes, panel: Panel, directions: Tensor) -> Tensor:
    """Draw the tokens of drawn places; return the ends (2, 2) of what is to be seen, low first."""
    tokens = panel.tokens.where(panel.held.out)
    places = panel.held.probe.standardised(tokens.features) @ directions
    for domain in (IMAGE, VIDEO):
        own = places[tokens.domains == domain][:_MOST_POINTS].numpy()
        colour = _DOMAIN_COLOURS[domain]
        axes.scatter(own[:, 0], own[:, 1], s=6, alpha=0.5, color=colour, linewidths=0)
    axes.set_title(f"{panel.tap}   PAD {panel.distance:.2f}", fontsize=10)
    return torch.quantile(places, torch.tensor([_TRIMMED, 1 - _TRIMMED]), dim=0)


def _draw_classes(axes: Axes, panel: Panel, directions: Tensor, coco_ids: Sequence[int]) -> None:
    unseen = torch.unique(panel.tokens.groups[panel.held.out])
    tokens = panel.of_classes.where(torch.isin(panel.of_classes.groups, unseen))
    places = panel.held.probe.standardised(tokens.features) @ directions
    for domain in (IMAGE, VIDEO):
        own = (tokens.domains == domain).nonzero().squeeze(1)[:_MOST_POINTS]
        across, up = places[own].T.numpy()
        colours = [_colour(coco_ids[index]) for index in tokens.classes[own].tolist()]
        marker = _MARKERS[domain]
        axes.scatter(across, up, s=9, alpha=0.6, c=colours, marker=marker, linewidths=0)
    axes.set_xlabel("images: dots, videos: triangles", fontsize=7, color="#606060")


def _frame(axes: Axes, limits: Tensor) -> None:
    """Show what lies between `limits` and a margin, without ticks, whose units mean nothing."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#c8c8c8")
    margin = (limits[1] - limits[0]).clamp_min(1e-6) * 0.08
    (left, bottom), (right, top) = (limits[0] - margin).tolist(), (limits[1] + margin).tolist()
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _label(axes: Axes, colours: Mapping[str, str]) -> None:
    """Name colours to the right of the last panel of a row."""
    for name, colour in colours.items():
        axes.scatter([], [], s=20, color=colour, label=name)
    axes.legend(
        loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8, frameon=False, handletextpad=0.2
    )


def _colour(coco_id: int) -> str:
    if coco_id == BACKGROUND_ID:
        return _BACKGROUND_COLOUR
    return "#{:02x}{:02x}{:02x}".format(*class_colour(coco_id))
