"""One network on one set: what a process counts and keeps of its share, and of all shares."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from vsda.evaluation.masks import keep_picture, save_mask
from vsda.evaluation.options import EvaluationOptions
from vsda.evaluation.predict import predict_batches
from vsda.evaluation.share import from_all, num_frames, parts_of, share_of
from vsda.evaluation.tally import Tally, merged
from vsda.evaluation.trained import TrainedNetwork
from vsda.progress import progress
from vsda.shards.index import ShardSet
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import labelled_positions


@dataclass(slots=True)
class Findings:
    """What was found out about a set, or about a process's share of it.

    Attributes:
        tally: The counts.
        pictures: Paths, in the run folder, of the predictions that are kept, by key.
    """

    tally: Tally
    pictures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges a run's network on a set.

    Attributes:
        run_dir: The run folder.
        trained: The network.
        shard_set: Labelled.
        options: How.
    """

    run_dir: Path
    trained: TrainedNetwork
    shard_set: ShardSet
    options: EvaluationOptions

    def judge(self, fabric: Fabric | None) -> Findings:
        """Return what all processes find out together; None stands for this one alone.

        Raises:
            ShardError: The set contradicts itself, or a sample cannot be read.
        """
        rank, world_size = (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)
        found = from_all(fabric, lambda: self.share(rank, world_size))
        pictures = {key: png for each in found for key, png in each.pictures.items()}
        return Findings(merged(each.tally for each in found), pictures)

    def share(self, rank: int, world_size: int) -> Findings:
        """Return what one of `world_size` processes finds out about its share.

        Raises:
            ShardError: As `judge` does.
        """
        recipe, shards = self.trained.recipe, RandomAccessShards(self.shard_set)
        positions = labelled_positions(shards)
        batches = share_of(list(parts_of(recipe, shards, positions)), rank, world_size)
        shown = {shards.entry(place).key for place in _spread(positions, self.options.pictures)}
        found = Findings(
            Tally(
                num_outputs=self.trained.num_outputs,
                metrics=self.options.metrics,
                reach=(recipe.clip_frames or 1) * recipe.clip_stride,
            )
        )
        device = torch.device(self.options.device)
        predictions = predict_batches(self.trained, shards, batches, device, self.options.views)
        if rank == 0:
            predictions = progress(predictions, self._name, total=num_frames(batches))
        for prediction in predictions:
            found.tally.add(prediction)
            if prediction.key in shown:
                found.pictures[prediction.key] = keep_picture(
                    self.run_dir, self._name, prediction, self.trained.classes
                )
            if self.options.masks_dir is not None:
                folder = self.options.masks_dir / self.run_dir.name / self._name
                save_mask(folder, prediction, self.trained.classes)
        return found

    @property
    def _name(self) -> str:
        return self.shard_set.index.name


def _spread(positions: Collection[int], number: int) -> list[int]:
    """Return `number` of the positions, spread evenly over them."""
    all_of_them = list(positions)
    places = np.linspace(0, len(all_of_them) - 1, min(number, len(all_of_them)))
    return [all_of_them[int(place)] for place in places]
