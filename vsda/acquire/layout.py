"""Where the files of a set lie, while it is made and after.

OUT/ytbb-train-000012.tar .idx      a finished shard
OUT/ytbb-train.index.json           written last: what it lists is whole
OUT/ytbb-train.report.jsonl         a row for each video that was asked for
OUT/.ytbb-train.part/settings.json  what the set is made with
OUT/.ytbb-train.part/pieces/        videos whose shard is not finished: <id>.json, <id>.tar
OUT/.ytbb-train.part/shards/        shards that the index does not list yet: 000012.json
OUT/.ytbb-train.part/new/           tars that wait to take the place of listed ones
OUT/.ytbb-train.part/ytbb-train.index.json   the old index, while tars take their places
OUT/.ytbb-train.part/videos/        videos on their way, where OUT is on this machine

OUT may be a URL.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vsda.datasets.youtube_bb.annotations import DATASET
from vsda.shards.index import index_path
from vsda.storage import join, local_path


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one set.

    Attributes:
        out: Folder or URL.
        split: `train` or `val`.
    """

    out: str
    split: str

    @property
    def name(self) -> str:
        """The name of the set."""
        return f"{DATASET}-{self.split}"

    @property
    def index(self) -> str:
        """The index file."""
        return index_path(self.out, self.name)

    @property
    def report(self) -> str:
        """The rows of the videos."""
        return join(self.out, f"{self.name}.report.jsonl")

    @property
    def staging(self) -> str:
        """The hidden folder of what is not finished."""
        return join(self.out, f".{self.name}.part")

    @property
    def settings(self) -> str:
        """What the staging folder is made with."""
        return join(self.staging, "settings.json")

    @property
    def pieces(self) -> str:
        """The folder of pieces."""
        return join(self.staging, "pieces")

    @property
    def shard_records(self) -> str:
        """The folder of records of finished shards."""
        return join(self.staging, "shards")

    @property
    def replacements(self) -> str:
        """The folder of tars that will take the place of listed ones."""
        return join(self.staging, "new")

    @property
    def old_index(self) -> str:
        """The index that was there, while tars are replaced and none is."""
        return index_path(self.staging, self.name)

    @property
    def kept(self) -> str:
        """The folder of videos as they came."""
        return join(self.out, f"{self.name}-videos")

    @property
    def lock(self) -> str:
        """The lock of a run over the whole set."""
        return join(self.out, f".{self.name}.lock")

    def task_lock(self, number: int, of: int) -> str:
        """Return the lock of a run over one part of the set."""
        return join(self.out, f".{self.name}.task-{number:04d}-of-{of:04d}.lock")

    def shard_file(self, number: int) -> str:
        """Return the file name of a shard's tar."""
        return f"{self.name}-{number:06d}.tar"

    def piece_record(self, youtube_id: str) -> str:
        """Return the record of a video whose shard is not finished."""
        return join(self.pieces, f"{youtube_id}.json")

    def piece(self, youtube_id: str) -> str:
        """Return the tar of such a video."""
        return join(self.pieces, f"{youtube_id}.tar")

    def shard_record(self, number: int) -> str:
        """Return the record of a finished shard."""
        return join(self.shard_records, f"{number:06d}.json")

    def scratch(self, chosen: Path | None) -> Path:
        """Return the local folder for videos on their way, which no other set uses."""
        staging = local_path(self.staging)
        if chosen is None and staging is not None:
            return staging.absolute() / "videos"
        place = self.staging if staging is None else str(staging.absolute())
        digest = hashlib.sha256(place.encode()).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) if chosen is None else chosen.absolute()
        return folder / f"vsda-{os.getuid()}-{self.name}-{digest}"
