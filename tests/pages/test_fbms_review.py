import numpy as np
import pytest
from PIL import Image

from tests.chromium import needs_chromium
from vsda.datasets.fbms.dataset import FbmsOptions
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request
from vsda.errors import ManifestError
from vsda.manifests import read_fbms_regions
from vsda.pages.fbms_review import review_fbms

CODES = (0, 128, 255)
HEAD = "split\tsequence\tregion\tcategory\tclass\tcertainty\n"


def definition(frames, codes=CODES):
    """The text of a Def.dat in the dataset's own form."""
    lines = ["Ground truth definition file; do not change!", "", "Total number of regions:"]
    lines.append(str(len(codes)))
    for region, code in enumerate(codes):
        lines += [f"Scale of region {region}:", str(code)]
    lines += ["Confusion penality matrix", *[" ".join("0" for _ in codes)] * len(codes)]
    lines += ["Total number of frames in this shot:", str(frames)]
    lines += ["Total number of labeled frames for this shot:", "1", "Frame number:", "0"]
    lines += ["File name:", "cars1_01.pgm", "Input file name:", "cars1_01.ppm"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def fbms(tmp_path):
    """A test split of one sequence of two frames, the first with two regions."""
    folder = tmp_path / "fbms" / "Testset" / "cars1"
    (folder / "GroundTruth").mkdir(parents=True)
    for number in (1, 2):
        Image.new("RGB", (60, 40), (90, 120, 40 * number)).save(folder / f"cars1_{number:02d}.jpg")
    truth = np.zeros((40, 60), dtype=np.uint8)
    truth[5:15, 5:25], truth[20:35, 30:55] = 128, 255
    Image.fromarray(truth).save(folder / "GroundTruth" / "cars1_01.pgm")
    (folder / "GroundTruth" / "cars1Def.dat").write_text(definition(2))
    return tmp_path / "fbms"


def request(root, **options):
    rules = label_rules("coco", "all", "background")
    return Request(root=root, split="test", rules=rules, options=FbmsOptions(**options))


def test_every_region_is_on_the_page_with_what_the_table_says(fbms, tmp_path):
    done = review_fbms([request(fbms)], tmp_path / "r.html")
    assert (done.page.num_regions, done.failures) == (2, ())
    text = (tmp_path / "r.html").read_text()
    assert "cars1, region 1" in text
    assert "cars1, region 2" in text


def test_what_cannot_be_read_is_told_and_the_page_is_written(fbms, tmp_path):
    (fbms / "Testset/cars1/GroundTruth/cars1_01.pgm").write_bytes(b"P5 60 40 255\n")
    done = review_fbms([request(fbms)], tmp_path / "r.html")
    assert done.page.num_regions == 0
    (failure,) = done.failures
    assert failure.key == "fbms/cars1/cars1_01"


def test_a_wrong_table_is_an_error_and_no_page(fbms, tmp_path):
    (tmp_path / "own.tsv").write_text("nonsense\n")
    with pytest.raises(ManifestError, match=r"own\.tsv"):
        review_fbms([request(fbms, class_map=tmp_path / "own.tsv")], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


@needs_chromium
def test_the_finished_table_is_one_that_prepare_takes(browser, fbms, tmp_path):
    own = tmp_path / "own.tsv"
    own.write_text(f"{HEAD}test\tcars1\t*\tcar\tcar\tname\ntrain\tbear01\t*\tbear\tbear\tname\n")
    review_fbms([request(fbms, class_map=own)], tmp_path / "r.html")
    script = """await press('Enter');
      const select = all('.region')[1].querySelector('.class');
      select.value = 'truck'; select.dispatchEvent(new Event('change'));
      return one('#text').value;"""
    (tmp_path / "regions.tsv").write_text(browser.drive(tmp_path / "r.html", script))
    rows = read_fbms_regions(tmp_path / "regions.tsv")
    assert [(row.sequence, row.region, row.class_name, row.certainty) for row in rows] == [
        ("cars1", 1, "car", "seen"),
        ("cars1", 2, "truck", "seen"),
        ("bear01", None, "bear", "name"),
    ]


def test_the_real_sample_shows_its_two_cars(real_samples, tmp_path):
    done = review_fbms([request(real_samples / "fbms")], tmp_path / "r.html")
    assert done.page.num_regions == 2
