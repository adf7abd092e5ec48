"""The page of a table with several worlds."""

from tests.tables.studies import finish_all, write_study
from vsda.tables.page import render_page
from vsda.tables.results import MEAN, gather
from vsda.tables.verdicts import claims_table

CLAIMS = """
[[claims]]
says = "clustered > plain"
[[claims]]
says = "clustered > plain"
origin = "a rumour"
[[claims]]
says = "clustered closes 90 %"
"""


def study(tmp_path):
    grid = write_study(tmp_path, claims=CLAIMS)
    finish_all(grid)
    return gather(grid)


def test_a_claim_has_a_verdict_for_each_world(tmp_path):
    found = claims_table(study(tmp_path))
    assert found.headings == ("dark", "grey", MEAN)
    assert [(row.says, row.origin) for row in found.rows] == [
        ("clustered > plain", "ours"),
        ("clustered > plain", "a rumour"),
        ("clustered closes 90 %", "ours"),
    ]
    assert [cell[:2] for cell in found.rows[0].cells] == [
        ("good", "holds"),
        ("bad", "does not hold"),
        ("good", "holds"),
    ]


def test_it_explains_its_words_and_runs_no_script(tmp_path):
    page = render_page(study(tmp_path)).decode()
    for word in ("row", "world", "source", "ceiling", "share of the gap", "claim", "within noise"):
        assert f"<dt>{word}</dt>" in page
    assert "<script" not in page
    assert "worlds dark and grey." in page


def test_scores_say_no_gap_where_there_is_none(tmp_path):
    page = render_page(study(tmp_path)).decode()
    scores = page[page.index('id="scores"') : page.index('id="pictures"')]
    assert "50 % of the gap" in scores
    assert "<small>no gap</small>" in scores


def test_words_that_a_table_has_no_use_for_are_not_explained(tmp_path):
    grid = write_study(tmp_path)
    page = render_page(gather(grid)).decode()
    assert "<dt>claim</dt>" not in page
    assert 'id="overview"' not in page, "there is no result"
