import io
from collections import Counter

from PIL import Image

from tests.fake_worlds import full_davis, read_with_webdataset
from vsda.prepare import PrepareOptions, plan, prepare
from vsda.taxonomy import class_set


def test_a_davis_of_full_size_gives_the_papers_numbers_of_frames_sequences_and_classes(tmp_path):
    tree = full_davis(tmp_path / "davis")
    options = PrepareOptions(root=tree.root, out=tmp_path / "out", shard_mb=1)
    planned = plan("davis", options)
    train, val = prepare("davis", options)
    shared = set(class_set("shared").names)
    assert (train.num_samples, train.num_sequences, train.num_failed) == (3401, 49, 0)
    assert (val.num_samples, val.num_sequences, val.num_failed) == (1558, 25, 0)
    assert set(train.class_frames) == set(val.class_frames) == shared
    assert (train.notes, val.notes) == (planned[0].notes, planned[1].notes)
    assert [len(report.notes) for report in (train, val)] == [1, 1]  # only what is left out
    for report, plan_of in zip((train, val), planned, strict=True):
        assert plan_of.num_samples == report.num_samples
        assert len(plan_of.sequences) == report.num_sequences
        assert plan_of.num_shards == report.num_shards
        assert plan_of.class_frames == report.class_frames
        assert plan_of.outcomes == report.outcomes
    _check_with_webdataset_alone(tmp_path / "out", 3401, 49)


def _check_with_webdataset_alone(out, num_samples, num_sequences):
    """Count what the plain library sees in the train shards, and look at one mask of each run."""
    sequences: Counter[str] = Counter()
    owners: dict[str, str] = {}
    for sample in read_with_webdataset(out, "davis-train"):
        sequence = sample["__key__"].split("/")[1]
        if sequence not in sequences:
            mask = Image.open(io.BytesIO(sample["seg.png"]))
            assert (mask.mode, mask.size) == ("L", (8, 8))
            owners[sequence] = sample["__url__"]
        assert owners[sequence] == sample["__url__"], "a sequence lies in one shard"
        sequences[sequence] += 1
    assert len(set(owners.values())) > 1
    assert (sequences.total(), len(sequences)) == (num_samples, num_sequences)
