"""Tables of numbers in Markdown pages, each below a comment that names the folder of its CSV.

    <!-- study/places -->
    | loss | video | images |
    |---|---|---|
    | `domain-patch`: at the patch embedding | 52.1 ± 2.6 | 67.2 ± 0.7 |

A row begins with its name in the table's recipe. A heading is a world (`gain` of synth-gain) or one
of the words of `_COLUMNS`. To write the files' numbers into the pages:

    python -m tests.tables.printed
"""

import csv
import re

from tests.conftest import ROOT

PAGES = (ROOT / "README.md", ROOT / ".github" / "STUDY.md")

MEAN = "mean of all worlds"
TABLE = re.compile(r"^<!-- ([a-z0-9/-]+) -->\n((?:\|.*\n)+)", re.MULTILINE)
_ROW = re.compile(r"`([a-z0-9-]+)`")
_COLUMNS = {
    "video": ("", "davis-val", "score"),
    "gained": ("", "davis-val", "difference"),
    "share of the gap": ("", "davis-val", "share"),
    "images": ("", "coco-val", "score"),
    "DAVIS frames": ("", "davis-val", "score"),
    "VOC": ("", "voc-val", "score"),
    "mean": (MEAN, "davis-val", "mean"),
    "on images": (MEAN, "coco-val", "mean"),
}


def filled(page):
    """Return a page whose tables have the numbers of the files; what is bold stays bold."""
    return TABLE.sub(_filled_table, page)


def _filled_table(found):
    folder, text = found.groups()
    numbers = Numbers(folder)
    head, rule, *rows = text.splitlines()
    headings = [heading.strip() for heading in head.strip("|").split("|")][1:]
    lines = [_filled_row(row, headings, numbers) for row in rows]
    return "\n".join([f"<!-- {folder} -->", head, rule, *lines, ""])


def _filled_row(line, headings, numbers):
    label, *cells = line.strip("|").split("|")
    name = _ROW.match(label.strip()).group(1)
    texts = [numbers.text(name, heading) for heading in headings]
    marks = ["**" if cell.strip().startswith("**") else "" for cell in cells]
    marks += [""] * (len(headings) - len(marks))
    printed = [f"{mark}{text}{mark}" for mark, text in zip(marks, texts, strict=True)]
    return f"| {' | '.join([label.strip(), *printed])} |"


class Numbers:
    """The numbers of a table's CSV file, as pages print them."""

    def __init__(self, folder):
        with (ROOT / ".github" / folder / "table.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        self._rows = {(row["row"], row["world"], row["set"]): row for row in rows}
        self._worlds = list(dict.fromkeys(row["world"] for row in rows))
        self._seeds = max(int(row["seeds"]) for row in rows)

    def text(self, row, heading):
        """Return what stands in the column `heading`; empty where there is no result."""
        if heading.startswith("`"):
            world, set_name, kind = f"synth-{heading.strip('`')}", "davis-val", "score"
        else:
            world, set_name, kind = _COLUMNS[heading]
        found = self._rows.get((row, world or self._worlds[0], set_name))
        return getattr(self, f"_{kind}")(found) if found else ""

    def _score(self, found):
        deviation = f" ± {float(found['deviation']):.1f}" if found["deviation"] else ""
        seeds = f" ({found['seeds']})" if int(found["seeds"]) < self._seeds else ""
        return f"{float(found['mean']):.1f}{deviation}{seeds}"

    def _mean(self, found):
        return f"{float(found['mean']):.1f}"

    def _difference(self, found):
        if not found["difference"]:
            return ""
        low, high = float(found["low"]), float(found["high"])
        return f"{float(found['difference']):+.1f} [{low:.1f}, {high:.1f}]"

    def _share(self, found):
        return f"{100 * float(found['share']):.0f} %" if found["share"] else ""


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(filled(path.read_text()))
