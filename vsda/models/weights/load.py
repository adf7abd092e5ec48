"""Loading weights into a network: each name is accounted for before the network is touched.

Every name in the file and every name of the network is loaded, or left out for a reason that the
report gives. Anything else is an error.
"""

import difflib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from torch import Tensor

from vsda.errors import UsageError, WeightsError
from vsda.models import MODELS
from vsda.models.network import SegmentationNetwork
from vsda.models.timm_upernet import TimmUperNet
from vsda.models.video_swin_upernet import VideoSwinUperNet
from vsda.models.weights import timm_encoder
from vsda.models.weights.files import DAMAGE, EXPECTED
from vsda.models.weights.found import FoundWeights, read_weights
from vsda.models.weights.inflated import inflate_pieces, inflation_note, is_of_pictures
from vsda.models.weights.match import Match, Rules, match_names
from vsda.models.weights.piece import Piece, Pieces, shown
from vsda.models.weights.report import WeightsReport
from vsda.models.weights.settings import differences
from vsda.taxonomy import ClassSet


def load_weights(
    network: SegmentationNetwork,
    place: str | Path | FoundWeights,
    *,
    same_classes: bool = True,
    classes: ClassSet | None = None,
    may_miss: Sequence[str] = (),
) -> WeightsReport:
    """Load the file at a path or URL into `network` and return what became of each name.

    A classifier for another number of classes is left out, so that the network keeps its own, and
    so is an auxiliary head that only one side has; everything else must fit. Weights of pictures
    are inflated for a network of clips, and half precision is widened.

    Args:
        network: What gets the weights.
        place: A file in any layout of `vsda.models.weights.layouts`, or what `read_weights` found.
        same_classes: False if the file's classes are known to be others: its classifiers are then
            left out even where their shapes would fit.
        classes: What the network learns: a classifier is then taken from nothing but a checkpoint
            of ours that learnt the same. None relies on `same_classes` and on the shapes.
        may_miss: Patterns, as of file names, of the network's names that the file may lack.

    Raises:
        VsdaError: There is no such file.
        WeightsError: It is damaged, of an unknown layout or of another network.
        UsageError: A pattern of `may_miss` names nothing that the network has.

    After an error the network is as it was.
    """
    found = place if isinstance(place, FoundWeights) else read_weights(place)
    why_other = _why_other_classes(found, classes, same_classes=same_classes)
    fitting, report = _checked(network, found, why_other, may_miss)
    with torch.no_grad():
        state = network.state_dict()
        for name, piece in fitting.items():
            state[name].copy_(piece.read())
    return report


def check_weights(
    network: SegmentationNetwork,
    place: str | Path | FoundWeights,
    *,
    same_classes: bool = True,
    classes: ClassSet | None = None,
    may_miss: Sequence[str] = (),
) -> WeightsReport:
    """Return what `load_weights` would, and raise what it would; the network is not touched."""
    found = place if isinstance(place, FoundWeights) else read_weights(place)
    why_other = _why_other_classes(found, classes, same_classes=same_classes)
    _, report = _checked(network, found, why_other, may_miss)
    return report


def _why_other_classes(
    found: FoundWeights, classes: ClassSet | None, *, same_classes: bool
) -> str | None:
    """Return why the file's classifiers are left out even where they fit, None if they are not."""
    if not same_classes:
        return "classifier of other classes"
    if classes is None or found.classes == classes:
        return None
    if found.classes is None:
        return "the file does not say which classes it has"
    return "classifier of other classes"


def _checked(
    network: SegmentationNetwork,
    found: FoundWeights,
    why_other_classes: str | None,
    may_miss: Sequence[str],
) -> tuple[dict[str, Piece], WeightsReport]:
    """Return the pieces to load, each of them read once, and the report."""
    wanted = network.state_dict()
    allowed = _allowed(may_miss, wanted)
    _check_network(network, found)
    pieces, notes = _pieces_for(network, found, wanted)
    rules = Rules(
        classifiers=network.classifiers,
        why_other_classes=why_other_classes,
        skips=dict(found.kind.skips) | _behind(network, pieces, wanted),
        lacks=dict(found.kind.lacks) | allowed,
    )
    match = match_names(pieces, wanted, rules)
    if match.misfits:
        raise WeightsError(_misfit_message(network, found, match))
    for name, piece in match.fitting.items():
        _check_values(found.place, piece, wanted[name])
    report = WeightsReport(
        layout=found.layout,
        loaded=tuple(match.fitting),
        skipped=match.skipped,
        missing=match.missing,
        notes=notes,
    )
    return match.fitting, report


def _allowed(may_miss: Sequence[str], wanted: Mapping[str, Tensor]) -> dict[str, str]:
    for pattern in may_miss:
        if not any(fnmatchcase(name, pattern) for name in wanted):
            layers = {name.rpartition(".")[0] + ".*" for name in wanted}
            near = difflib.get_close_matches(pattern, [*wanted, *sorted(layers)], n=1, cutoff=0)
            raise UsageError(
                f"may_miss: {pattern!r} matches no weight of the network; did you mean {near[0]!r}?"
            )
    return dict.fromkeys(may_miss, "allowed to be missing by may_miss")


def _check_network(network: SegmentationNetwork, found: FoundWeights) -> None:
    if isinstance(network, tuple(MODELS[name] for name in found.networks)):
        return
    if found.kind is timm_encoder.ANY:
        names = ", ".join(map(shown, list(found.pieces)[:3]))
        raise WeightsError(
            f"{found.place}: holds {names}..., a layout that is not known; {EXPECTED}"
        )
    whose = f"; it is a {found.network}" if found.network else ""
    raise WeightsError(
        f"{found.place}: is {found.layout}{whose}, for a network.name of"
        f" {' or '.join(found.networks)};"
        f" this network is {_name(network)!r}; change network.name or the file"
    )


def _name(network: SegmentationNetwork) -> str:
    names = (name for name, kind in MODELS.items() if type(network) is kind)
    return next(names, type(network).__name__)


def _pieces_for(
    network: SegmentationNetwork, found: FoundWeights, wanted: Mapping[str, Tensor]
) -> tuple[Pieces, tuple[str, ...]]:
    """Return the file's pieces under the network's names, and what to know about them."""
    pieces = found.converted(wanted)
    if isinstance(network, VideoSwinUperNet) and is_of_pictures(pieces):
        return inflate_pieces(pieces, network), (*found.notes, inflation_note(pieces, network))
    return pieces, found.notes


def _behind(
    network: SegmentationNetwork, pieces: Pieces, wanted: Mapping[str, Tensor]
) -> dict[str, str]:
    """Return the names, if need be, of what timm's classifier has behind the last stage -> why."""
    if isinstance(network, TimmUperNet) and not pieces.keys() <= wanted.keys():
        return timm_encoder.names_behind(network)
    return {}


def _check_values(place: str | Path, piece: Piece, want: Tensor) -> None:
    """Raise WeightsError unless the piece can be read and holds finite numbers."""
    try:
        values = piece.read().to(want.dtype)
    except DAMAGE as error:
        raise WeightsError(
            f"{place}: {shown(piece.names[0])} cannot be read ({type(error).__name__}); {EXPECTED}"
        ) from error
    if not torch.isfinite(values).all():
        raise WeightsError(
            f"{place}: {shown(piece.names[0])} has values that are not finite; {EXPECTED}"
        )


def _misfit_message(network: SegmentationNetwork, found: FoundWeights, match: Match) -> str:
    examples = "; ".join(match.misfits[:3])
    hint = _hint(network, found)
    if match.lacking and match.fitting:
        hint += ", or name what it may lack in init.may_miss"
    return (
        f"{found.place}: is {found.layout}, but {len(match.misfits)} tensors do not fit the"
        f" network, such as: {examples}; {hint}"
    )


def _hint(network: SegmentationNetwork, found: FoundWeights) -> str:
    """Return what to do about a file of other shapes or names."""
    if isinstance(network, TimmUperNet):
        return f"expected weights of {network.backbone!r}; change network.backbone or the file"
    pieces = found.converted()
    others = differences(
        {name: piece.shape for name, piece in pieces.items()},
        {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()},
    )
    if not others:
        return "expected weights of this very network; choose another file"
    wanted = " ".join(f"network.{setting}={value}" for setting, value in others.items())
    return f"the file goes with {wanted}; set that, or choose another file"
