"""Whatever happens to a byte of a set, verify names the file; no reader gives another sample."""

import json
import random
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shards.frames import cuts, flipped, frame, make_set
from vsda.errors import ShardError
from vsda.shards.idx import tar_members
from vsda.shards.index import load_index, open_set
from vsda.shards.read import RandomAccessShards, iterate_samples
from vsda.shards.verify import Kind, verify, verify_place

NAME = "davis-train"
TARS = [f"{NAME}-{number:06d}.tar" for number in range(3)]
IDXS = [f"{NAME}-{number:06d}.idx" for number in range(3)]
INDEX = f"{NAME}.index.json"
FIELDS = ("jpg", "json", "seg.png", "inst.png")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Three shards of three, three and two frames with all fields, and what they hold."""
    folder = tmp_path_factory.mktemp("sound")
    samples = [[frame(number, name) for number in range(3)] for name in ("bear", "cows", "dog")]
    shard_set = make_set(folder, [samples[0], samples[1], samples[2][:2]])
    return shard_set, read_all(shard_set)


@pytest.fixture
def damaged(sound, tmp_path):
    return open_set(shutil.copytree(sound[0].folder, tmp_path / "set").as_posix())


def read_all(shard_set, **options):
    shards = RandomAccessShards(shard_set, **options)
    return [shards.read(position, FIELDS) for position in range(len(shards))]


def check_is_found(shard_set, *expected):
    """Check that verify names exactly these files and that reading in order raises."""
    assert {(row.shard, row.kind) for row in verify(shard_set)} == set(expected)
    if any(name.endswith(".tar") for name, kind in expected if kind != Kind.EXTRA):
        with pytest.raises(ShardError):
            list(iterate_samples(shard_set))
        with pytest.raises(ShardError):
            read_all(shard_set, hashed=True)


def never_another_sample(shard_set, truth):
    """Check that random access gives the right samples or raises; return how many it refused."""
    shards = RandomAccessShards(shard_set)
    refused = 0
    for position, fields in enumerate(truth):
        try:
            found = shards.read(position, FIELDS)
        except ShardError:
            refused += 1
            continue
        assert found == fields
    return refused


def pieces_of(path):
    """The bytes of each sample of a tar and of its end, and its members' bytes."""
    data = path.read_bytes()
    with path.open("rb") as file:
        members = list(tar_members(file))
    starts = [member.offset - 512 for member in members]
    ends = [*starts[1:], members[-1].offset + -(-members[-1].size // 512) * 512]
    return members, [data[a:b] for a, b in zip(starts, ends, strict=True)], data[ends[-1] :]


@pytest.mark.parametrize("number", range(3))
def test_a_tar_cut_at_every_block_is_named_and_read_by_nobody(damaged, number):
    path = Path(damaged.place(TARS[number]))
    data = path.read_bytes()
    for size in cuts(len(data)):
        path.write_bytes(data[:size])
        assert [(row.shard, row.kind) for row in verify(damaged)] == [(TARS[number], Kind.CUT)]
        for read in (iterate_samples, read_all):
            with pytest.raises(ShardError, match=f"{TARS[number]}: {size} bytes, its index says"):
                list(read(damaged))


@pytest.mark.parametrize("name", IDXS)
def test_an_idx_cut_at_every_32nd_byte_is_named_and_read_by_nobody(damaged, name):
    path = Path(damaged.place(name))
    data = path.read_bytes()
    for size in range(0, len(data), 32):
        path.write_bytes(data[:size])
        check_is_found(damaged, (name, Kind.CHANGED))
        with pytest.raises(ShardError, match=f"{name}: its hash is not the one in the index"):
            read_all(damaged)


def check_flip(shard_set, path, data, bit):
    path.write_bytes(flipped(data, bit))
    assert [(row.shard, row.kind) for row in verify(shard_set)] == [(path.name, Kind.CHANGED)]
    if path.suffix == ".tar":
        with pytest.raises(ShardError, match=f"{path.name}: its hash is not"):
            list(iterate_samples(shard_set))


@pytest.mark.parametrize("name", [*TARS, *IDXS])
def test_flipped_bits_are_named(damaged, name):
    path = Path(damaged.place(name))
    data = path.read_bytes()
    for bit in random.Random(name).sample(range(8 * len(data)), 40):
        check_flip(damaged, path, data, bit)


@pytest.mark.slow
def test_every_flipped_bit_of_a_tar_is_named(tmp_path):
    shard_set = make_set(tmp_path, [[frame(0)]])
    path = tmp_path / TARS[0]
    data = path.read_bytes()
    for bit in range(8 * len(data)):
        check_flip(shard_set, path, data, bit)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_overwritten_run_of_bytes_is_named(sound, damaged, data):
    name = data.draw(st.sampled_from([*TARS, *IDXS]))
    whole = Path(sound[0].place(name)).read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.binary(min_size=1, max_size=1024))
    changed = whole[:start] + new + whole[start + len(new) :]
    Path(damaged.place(name)).write_bytes(changed)
    found = {row.shard for row in verify(damaged)}
    assert found == (set() if changed == whole else {name})
    Path(damaged.place(name)).write_bytes(whole)


def test_a_flipped_bit_in_any_header_is_seen_by_random_access(sound, damaged):
    path = Path(damaged.place(TARS[0]))
    data = path.read_bytes()
    members, _, _ = pieces_of(path)
    rng = random.Random(3)
    for number in range(60):
        member = members[number % len(members)]
        path.write_bytes(flipped(data, 8 * (member.offset - 512) + rng.randrange(8 * 512)))
        assert never_another_sample(damaged, sound[1]) == 1


def test_a_hash_on_demand_lets_no_flipped_bit_through(damaged):
    path = Path(damaged.place(TARS[0]))
    members, _, _ = pieces_of(path)
    path.write_bytes(flipped(path.read_bytes(), 8 * members[0].offset + 99))
    assert RandomAccessShards(damaged).read(0, FIELDS)
    shards = RandomAccessShards(damaged, hashed=True)
    for _ in range(2):
        with pytest.raises(ShardError, match=f"{TARS[0]}: its hash is not the one in the index"):
            shards.read(0, FIELDS)
    assert shards.read(4, FIELDS)


def test_two_swapped_shards_name_each_other(damaged):
    first, second = (Path(damaged.place(name)) for name in TARS[:2])
    first.rename(first.with_name("x"))
    second.rename(first)
    first.with_name("x").rename(second)
    check_is_found(damaged, (TARS[0], Kind.SWAPPED), (TARS[1], Kind.SWAPPED))


def test_random_access_to_swapped_shards_of_one_size_gives_no_other_sample(sound, damaged):
    first, second = (Path(damaged.place(name)) for name in TARS[:2])
    a, b = first.read_bytes(), second.read_bytes()
    assert len(a) == len(b)
    first.write_bytes(b)
    second.write_bytes(a)
    assert never_another_sample(damaged, sound[1]) == 6


def test_a_deleted_and_an_added_shard_are_named(damaged):
    path = Path(damaged.place(TARS[2]))
    path.rename(path.with_name(f"{NAME}-000003.tar"))
    check_is_found(damaged, (TARS[2], Kind.MISSING), (f"{NAME}-000003.tar", Kind.EXTRA))


def rearranged(how):
    """Return a new order of the pieces of a tar of three samples with four members each."""
    order = list(range(12))
    if how == "two samples interleaved":
        return [0, 4, 1, 5, 2, 6, 3, 7, *order[8:]]
    if how == "two samples exchanged":
        return [*order[4:8], *order[:4], *order[8:]]
    if how == "members of one name exchanged":
        return [4, *order[1:4], 0, *order[5:]]
    if how == "reversed":
        return order[::-1]
    return [*order[:11], 0]  # the first member twice, the last one lost


@pytest.mark.parametrize(
    "how",
    [
        "two samples interleaved",
        "two samples exchanged",
        "members of one name exchanged",
        "reversed",
        "one member twice",
    ],
)
def test_members_in_another_order_are_named_and_never_given_for_others(sound, damaged, how):
    path = Path(damaged.place(TARS[0]))
    size = path.stat().st_size
    _, pieces, end = pieces_of(path)
    new = b"".join(pieces[number] for number in rearranged(how)) + end
    path.write_bytes(new[:size].ljust(size, b"\0"))
    check_is_found(damaged, (TARS[0], Kind.CHANGED))
    assert never_another_sample(damaged, sound[1]) > 0


def test_a_duplicated_member_at_the_end_is_named(sound, damaged):
    path = Path(damaged.place(TARS[0]))
    size = path.stat().st_size
    _, pieces, end = pieces_of(path)
    path.write_bytes((b"".join([*pieces, pieces[0]]) + end)[:size])
    check_is_found(damaged, (TARS[0], Kind.CHANGED))
    never_another_sample(damaged, sound[1])


def test_a_tar_written_anew_by_another_tool_is_named(damaged, tmp_path):
    path = Path(damaged.place(TARS[0]))
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "x", filter="data")
    with tarfile.open(path, "w") as archive:
        archive.add(tmp_path / "x", ".")
    ((name, _),) = {(row.shard, row.kind) for row in verify(damaged)}
    assert name == TARS[0]
    with pytest.raises(ShardError):
        list(iterate_samples(damaged))


def leaves(document, where=()):
    """Yield the path to every value of a JSON document that has no parts."""
    if isinstance(document, dict | list) and document:
        parts = document.items() if isinstance(document, dict) else enumerate(document)
        for name, value in parts:
            yield from leaves(value, (*where, name))
    else:
        yield where


def other_value(value):
    if isinstance(value, str):
        return f"{value}x"
    return {bool: lambda: not value, int: lambda: value + 1}.get(type(value), lambda: 7)()


def test_an_edit_of_any_field_of_the_index_is_named(sound, damaged):
    place = Path(damaged.place(INDEX))
    whole = json.loads(place.read_bytes())
    paths = list(leaves(whole))
    assert len(paths) > 50
    for path in paths:
        document = json.loads(json.dumps(whole))
        part = document
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = other_value(part[path[-1]])
        place.write_text(json.dumps(document))
        (verdict,) = verify_place(damaged.folder)
        assert [(row.shard, row.kind) for row in verdict.problems] == [(INDEX, Kind.INDEX)], path
        with pytest.raises(ShardError, match=INDEX):
            open_set(damaged.folder)


@pytest.mark.parametrize(
    ("changes", "name", "kind"),
    [
        ({"nsamples": 4}, IDXS[0], Kind.COUNT),
        ({"nsamples": 2}, IDXS[0], Kind.COUNT),
        ({"filesize": 10_240 * 90}, TARS[0], Kind.COUNT),
        ({"sha256": "0" * 64}, TARS[0], Kind.CHANGED),
        ({"idx_sha256": "0" * 64}, IDXS[0], Kind.CHANGED),
        ({"url": "other.tar"}, "other.tar", Kind.MISSING),
    ],
)
def test_an_edit_of_what_files_prove_is_found_even_with_a_hash_that_fits(
    damaged, changes, name, kind
):
    index = load_index(damaged.place(INDEX))
    forged = (replace(index.shards[0], sequences=(), **changes), *index.shards[1:])
    Path(damaged.place(INDEX)).write_bytes(replace(index, shards=forged).to_json())
    forged_set = open_set(damaged.folder)
    assert (name, kind) in {(row.shard, row.kind) for row in verify(forged_set)}
    with pytest.raises(ShardError):
        read_all(forged_set, hashed=True)
