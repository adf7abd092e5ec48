"""Make the pictures of the README from what `vsda demo` left, in a real browser.

    python -m tests.readme_pictures DEMO OUT
    python -m tests.readme_pictures DEMO OUT tables/synth/table.html tables/synth-places/table.html

Writes demo.png, report.png, sets.png and gaps.png, and of each table's page study/<table>.png, into
the folder OUT and prints their sizes.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

from tests.chromium import open_browser, run_script
from tests.conftest import ROOT
from vsda.recipes.demo import DemoRecipe
from vsda.recipes.load import load_recipe
from vsda.storage import write_atomic

MOST_BYTES = 400_000
"""Of a picture: a README is read on phones, too."""
GALLERY_ROWS = 4
KINDS = ("gain", "light", "blur", "resolution", "compression", "framing", "diversity")
ROWS_PX = 1060
"""Width of their picture: a frame, the truth and the four arms of the demo side by side."""
PAPER = (208, 213, 221)


def main(demo, out, *pages):
    """Make all pictures, each as soon as it can be."""
    make_gaps(out / "gaps.png")
    with tempfile.TemporaryDirectory() as folder:
        report, sets = make_report(demo), make_sets(Path(folder))
        with open_browser() as browser:
            save(rows_picture(browser, report), out / "demo.png")
            save(report_picture(browser, report), out / "report.png")
            save(sets_picture(browser, sets), out / "sets.png")
            for page in pages:
                save(table_picture(browser, page), out / "study" / f"{page.parent.name}.png")


def make_gaps(path):
    """Draw each kind of gap at five severities."""
    vsda("synth", "--gallery", path, "--style", ",".join(KINDS))


def make_report(demo):
    """Run the demo's own report command again; return the page."""
    steps = load_recipe(DemoRecipe, ROOT / "pipelines" / "demo.toml").steps
    (command,) = [step.command for step in steps if step.command[0] == "report"]
    vsda(*(argument.format(out=demo) for argument in command))
    return demo / "report.html"


def make_sets(folder):
    """Make a world of a few large frames; return the page of its videos."""
    sizes = {"images": 1, "val-images": 1, "videos": 1, "frames": 1, "size-px": 256}
    sizes |= {"val-videos": 6, "val-frames": 8}
    options = [part for name, value in sizes.items() for part in (f"--{name}", str(value))]
    vsda("synth", "--out", "world", "--style", "dim", *options, inside=folder)
    source = ["--root", "world/davis", "--class-map", "world/davis/objects.tsv"]
    vsda("prepare", "davis", *source, "--out", "shards", inside=folder)
    vsda("shards", "show", "shards/davis-val", "--html", "sets.html", inside=folder)
    return folder / "sets.html"


def rows_picture(browser, report):
    """Return the legend and the last rows of the last set: frame, truth, predictions."""
    with browser.open(report, size=(1100, 1000)) as tab:  # as wide as six columns need
        places = run_script(
            tab,
            f"""const gallery = all(".gallery").at(-1);
            gallery.querySelector(".wipe").hidden = true;
            gallery.querySelectorAll(".put").forEach((button) => {{ button.hidden = true; }});
            const box = (part) => part.getBoundingClientRect();
            const rows = [...gallery.querySelectorAll(".row")].slice(-{GALLERY_ROWS});
            const legend = gallery.querySelector(".legend");
            rows[0].before(legend);
            return [box(legend).top + scrollY - 8, box(rows.at(-1)).bottom + scrollY];""",
        )
        picture = clipped(tab, *places)
    return picture.resize((ROWS_PX, round(picture.height * ROWS_PX / picture.width)))


def report_picture(browser, report):
    """Return the page on a desk, light, beside the page on a phone, dark."""
    height_px = 900
    with browser.open(report, size=(960, height_px)) as tab:
        run_script(
            tab,
            """all(".before").at(-1).click();  // from the first frame to the last
            const slider = all(".stage input").at(-1);
            slider.value = 45; slider.dispatchEvent(new Event("input"));
            all(".gallery").at(-1).scrollIntoView();""",
        )
        desk = shot(tab)
    with browser.open(report, size=(400, height_px), scheme="dark") as tab:
        run_script(tab, 'one("#scores table").scrollIntoView();')
        phone = shot(tab)
    both = Image.new("RGB", (desk.width + 8 + phone.width, height_px), PAPER)
    both.paste(desk, (0, 0))
    both.paste(phone, (desk.width + 8, 0))
    return both


def sets_picture(browser, page):
    """Return the page of a set as it opens."""
    with browser.open(page, size=(1280, 860)) as tab:
        run_script(tab, 'await until(() => all("img, canvas").length > 4); await pause(500);')
        return shot(tab)


def table_picture(browser, page):
    """Return the charts of a table: every row with its seeds."""
    with browser.open(page, size=(1000, 900)) as tab:
        places = run_script(
            tab,
            """const box = one("#overview .charts").getBoundingClientRect();
            return [box.top + scrollY - 8, box.bottom + scrollY + 8];""",
        )
        return clipped(tab, *places)


def clipped(tab, top, bottom):
    """Return a part of the page, in its full width."""
    clip = {"x": 0, "y": top, "width": tab.viewport_size["width"], "height": bottom - top}
    return shot(tab, full_page=True, clip=clip)


def shot(tab, **options):
    """Return what the screen shows."""
    return Image.open(io.BytesIO(tab.screenshot(**options))).convert("RGB")


def save(picture, path):
    """Write a picture as PNG, with as many bits as fit into the size, and tell its size.

    A palette would be smaller still, but moves the classes' colours.
    """
    for bits in (8, 6, 5, 4):
        png = io.BytesIO()
        ImageOps.posterize(picture, bits).save(png, format="PNG", optimize=True)
        size_bytes = len(png.getvalue())
        if size_bytes <= MOST_BYTES:
            break
    write_atomic(path, png.getvalue())
    sys.stdout.write(f"{path}: {picture.width} x {picture.height}, {size_bytes} bytes\n")
    sys.stdout.flush()


def vsda(*arguments, inside=None):
    """Run a command of vsda, in the folder `inside`, as the page shows paths as they are given."""
    command = [sys.executable, "-m", "vsda", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=inside)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
