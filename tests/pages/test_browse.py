import base64
import json
import re
import tracemalloc

import fsspec
import pytest

from tests.pages.conftest import DOG_BOX, shown
from tests.shards.frames import copy_files, make_set
from vsda.errors import ShardError, UnknownNameError
from vsda.pages.browse import write_browser
from vsda.pages.choose import Wish
from vsda.shards.index import ShardSet, open_sets


def samples_of(page):
    blocks = re.findall(r'<script type="application/json" class="sample">(.*?)</script>', page)
    return [json.loads(block) for block in blocks]


def written(sets, folder, **options):
    done = write_browser(sets, folder / "page.html", **options)
    page = (folder / "page.html").read_bytes()
    assert done.size_bytes == len(page)
    return done, page.decode()


def test_the_page_holds_each_sample_with_picture_masks_boxes_and_facts(everything, tmp_path):
    _, page = written([everything], tmp_path)
    rows = samples_of(page)
    assert len(rows) == 10
    assert (rows[0]["key"], rows[0]["sequence"], rows[0]["tick"]) == ("davis/bear/00000", "bear", 0)
    assert rows[0]["jpg"].startswith("data:image/jpeg;base64,")
    assert rows[0]["seg"].startswith("data:image/png;base64,")
    # 39 of 40 rows of 16 of 64 columns, one row of void
    assert rows[0]["seg_shares"] == [[0, 0.73125], [1, 0.24375], [255, 0.025]]
    assert [box["name"] for box in rows[4]["boxes"]] == ["dog", "car"]
    assert "seg" not in rows[4]


def test_the_same_set_gives_the_same_bytes(everything, tmp_path):
    pages = [written([everything], tmp_path)[1] for _ in range(2)]
    assert pages[0] == pages[1]


def test_the_page_links_to_nothing(everything, tmp_path):
    _, page = written([everything], tmp_path)
    assert not re.search(r"https?://|<link|@import|url\(|<script src|<base", page)
    assert "default-src 'none'" in page


def test_hostile_text_never_becomes_markup(everything, tmp_path):
    _, page = written([everything], tmp_path)
    assert "alert(1)</script>" not in page
    assert "<img src=x" not in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert page.count("<script") == 10 + 2  # samples, colours and names, the script


def test_notes_settings_outcomes_and_failures_are_on_the_page(everything, tmp_path):
    _, page = written([everything], tmp_path)
    for text in ("<b>10</b> of 10 samples, 3 sequences", "<td>remap</td><td>coco</td>"):
        assert text in page
    assert "<td>missing</td><td>1</td>" in page
    assert "<b>davis/gone/00001</b> missing<br>&lt;b&gt;no file" in page


def test_classes_that_no_shown_sample_has_are_named(everything, tmp_path):
    done, page = written([everything], tmp_path, wish=Wish(sequences=("bear",)))
    assert done.sets[0].unseen == ("car", "dog")
    assert "Not among the shown samples: car, dog." in page
    assert "<b>4</b> of 10 samples" in page


def test_sets_without_a_wanted_sequence_are_left_out(everything, tmp_path):
    other = make_set(tmp_path / "other", [[shown(0, None)]], name="coco-val")
    done, _ = written([other, everything], tmp_path, wish=Wish(sequences=("cows",)))
    assert [one.name for one in done.sets] == ["davis-train"]


def test_an_unknown_sequence_is_refused_with_the_nearest_name(everything, tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown sequence 'baer'\. Did you mean 'bear'"):
        write_browser([everything], tmp_path / "page.html", Wish(sequences=("baer",)))


def test_no_sample_of_a_class_is_an_error_and_no_page(everything, tmp_path):
    with pytest.raises(ShardError, match="davis-train: no sample is what was asked for"):
        write_browser([everything], tmp_path / "page.html", Wish(classes=(90,)))
    assert not list(tmp_path.iterdir())


def damaged(everything, folder, at):
    """A copy of the set with zeros in one field of one sample."""
    from vsda.shards.read import RandomAccessShards

    copy_files(everything.folder, str(folder))
    name, position = at
    entry = RandomAccessShards(everything).entry(position)
    tar = folder / everything.index.shards[entry.shard].url
    offset, size = entry.fields[name]
    data = bytearray(tar.read_bytes())
    data[offset : offset + size] = bytes(size)
    tar.write_bytes(data)
    return ShardSet(everything.index, str(folder))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("jpg", "davis/bear/00002: a picture of "),
        ("seg.png", "davis/bear/00002: a picture of "),
        ("json", "davis/bear/00002: its facts are damaged: "),
    ],
)
def test_a_damaged_sample_is_named_and_the_others_are_shown(everything, tmp_path, field, message):
    (tmp_path / "set").mkdir()
    shard_set = damaged(everything, tmp_path / "set", (field, 2))
    done, page = written([shard_set], tmp_path)
    assert (done.sets[0].num_shown, len(samples_of(page))) == (9, 9)
    (told,) = done.sets[0].unread
    assert told.startswith(message)
    assert "1 chosen samples cannot be read" in page


def test_a_sample_with_a_broken_box_is_named_and_not_drawn_otherwise(tmp_path):
    broken = shown(1, "bear", masked=False, boxes=(DOG_BOX | {"xmax": 7.5},))
    shard_set = make_set(tmp_path / "set", [[shown(0, "bear"), broken]])
    done, page = written([shard_set], tmp_path)
    (told,) = done.sets[0].unread
    assert told == (
        "davis/bear/00001: its facts are damaged: not the facts of a frame: boxes.0.xmax: 7.5"
    )
    assert "boxes.0.xmax: 7.5" in page
    assert [row["key"] for row in samples_of(page)] == ["davis/bear/00000"]


def test_a_set_of_which_nothing_can_be_read_is_an_error_and_no_page(everything, tmp_path):
    (tmp_path / "set").mkdir()
    copy_files(everything.folder, str(tmp_path / "set"))
    for tar in (tmp_path / "set").glob("*.tar"):
        tar.unlink()
    with pytest.raises(ShardError, match=r"none of the samples can be read; .*verify"):
        write_browser([ShardSet(everything.index, str(tmp_path / "set"))], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_large_pictures_are_made_smaller(everything, tmp_path):
    from io import BytesIO

    from PIL import Image

    _, page = written([everything], tmp_path, max_side_px=32)
    row = samples_of(page)[0]
    for name in ("jpg", "seg", "inst"):
        data = base64.b64decode(row[name].partition(",")[2])
        assert Image.open(BytesIO(data)).size == (32, 20)
    assert (row["width_px"], row["height_px"]) == (64, 40)


def test_sets_and_the_page_may_be_on_urls(everything, tmp_path, memory, serve):
    copy_files(everything.folder, f"{memory}/set")
    done = write_browser(open_sets(f"{memory}/set"), f"{memory}/page.html")
    with fsspec.open(f"{memory}/page.html") as file:
        on_memory = file.read()
    assert done.size_bytes == len(on_memory)
    url = f"{serve(everything.folder)}/davis-train"
    _, page = written(open_sets(url), tmp_path)
    assert samples_of(page) == samples_of(on_memory.decode())


def test_memory_holds_one_sample_at_a_time(tmp_path):
    """The peak does not grow with the page: 60 samples of 60 kB of noise each."""
    import io
    from dataclasses import replace

    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (200, 320, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "JPEG", quality=95)
    samples = [replace(shown(n, None), jpg=data.getvalue()) for n in range(60)]
    shard_set = make_set(tmp_path, [samples], name="noise")
    peaks = []
    for number in (2, 60):
        tracemalloc.start()
        done = write_browser([shard_set], tmp_path / "page.html", Wish(num_samples=number))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert done.size_bytes > 6_000_000
    assert peaks[1] < peaks[0] + 500_000
