import pytest

from vsda import __version__
from vsda.errors import FetchError, Outcome
from vsda.fetch.ledger import Change, compare, known_dead, read_ledger, write_ledger
from vsda.fetch.rows import VideoRow

HEAD = "youtube_id\toutcome\tfirst_seen\tlast_seen\tattempts\tsession\ttool\n"


def video(name, outcome=Outcome.OK, **more):
    values = {
        "video": name * 11,
        "shard": 0,
        "outcome": outcome,
        "first_seen": "2026-01-30T00:00:00Z",
        "last_seen": "2026-01-31T12:00:00Z",
        "attempts": 2,
        "tool": "yt-dlp 2026.08.19",
        "session": "guest",
        "message": "This video is private. Sign in, dear user@example.com",
    }
    return VideoRow(**values | more)


def ledger(tmp_path, name="a.tsv", **outcomes):
    rows = [video(letter, outcome) for letter, outcome in outcomes.items()]
    write_ledger(tmp_path / name, rows, set_name="ytbb-train", split="train", date="2026-02-01")
    return read_ledger(tmp_path / name)


def test_the_table_is_sorted_and_says_whose_it_is(tmp_path):
    rows = [video("b", Outcome.GONE), video("B"), video("-", tool="a\ttool\nof two lines")]
    path = tmp_path / "ledger.tsv"
    write_ledger(path, rows, set_name="ytbb-train", split="train", date="2026-02-01")
    dates = "2026-01-30T00:00:00Z\t2026-01-31T12:00:00Z\t2\tguest\t"
    assert path.read_text() == (
        "# Which videos could be had, by vsda: no media.\n"
        "# set: ytbb-train\n"
        "# split: train\n"
        f"# vsda: {__version__}\n"
        "# date: 2026-02-01\n"
        f"{HEAD}"
        f"-----------\tok\t{dates}a tool of two lines\n"
        f"BBBBBBBBBBB\tok\t{dates}yt-dlp 2026.08.19\n"
        f"bbbbbbbbbbb\tgone\t{dates}yt-dlp 2026.08.19\n"
    )


def test_what_a_server_said_is_not_published(tmp_path):
    ledger(tmp_path, a=Outcome.PRIVATE)
    assert "example.com" not in (tmp_path / "a.tsv").read_text()


def test_a_ledger_reads_as_it_was_written(tmp_path):
    found = ledger(tmp_path, b=Outcome.GONE, a=Outcome.OK)
    assert (found.set_name, found.split, found.date) == ("ytbb-train", "train", "2026-02-01")
    assert found.version == __version__
    assert [(row.youtube_id, row.outcome, row.attempts) for row in found.rows] == [
        ("aaaaaaaaaaa", Outcome.OK, 2),
        ("bbbbbbbbbbb", Outcome.GONE, 2),
    ]


def test_a_ledger_without_a_date_has_todays(tmp_path):
    write_ledger(tmp_path / "a.tsv", [], set_name="s", split="train")
    assert len(read_ledger(tmp_path / "a.tsv").date) == len("2026-01-31")


def test_an_id_that_starts_with_a_dash_is_no_comment_and_no_formula(tmp_path):
    assert [row.youtube_id for row in ledger(tmp_path, **{"-": Outcome.OK}).rows] == ["-" * 11]


def test_dead_are_those_that_are_gone_for_everybody(tmp_path):
    outcomes = [Outcome.OK, Outcome.GONE, Outcome.PRIVATE, Outcome.GEO_BLOCKED, Outcome.THROTTLED]
    outcomes += [Outcome.AGE_RESTRICTED, Outcome.UNAVAILABLE, Outcome.WITHDRAWN, Outcome.NETWORK]
    found = ledger(tmp_path, **dict(zip("abcdefghi", outcomes, strict=True)))
    assert known_dead(found) == {"bbbbbbbbbbb", "ccccccccccc"}


def test_each_video_is_in_one_list_of_a_comparison(tmp_path):
    ok, gone, private, later = Outcome.OK, Outcome.GONE, Outcome.PRIVATE, Outcome.NETWORK
    first = ledger(tmp_path, a=ok, b=ok, c=gone, d=gone, e=later, f=gone, g=ok, h=gone)
    second = ledger(tmp_path, a=ok, b=gone, c=ok, d=private, e=ok, f=later, h=gone, i=ok)
    found = compare(first, second)
    assert found.newly_gone == (Change("b" * 11, ok, gone),)
    assert found.come_back == (Change("c" * 11, gone, ok),)
    assert found.changed == (
        Change("d" * 11, gone, private),
        Change("e" * 11, later, ok),
        Change("f" * 11, gone, later),
    )
    assert (found.only_in_first, found.only_in_second) == (("g" * 11,), ("i" * 11,))
    assert found.num_same == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a ledger: it has no line with the columns youtube_id, outcome, first_seen"),
        ("a\tb\n", "not a ledger: it has no line with the columns"),
        (HEAD + "x\tok\n", r"a\.tsv:2: expected 7 columns, got 2"),
        (HEAD + "x\tfine\ta\tb\t1\tc\td\n", r"a\.tsv:2: 'fine' is not a valid Outcome"),
        ("# c\n" + HEAD + "x\tok\ta\tb\tone\tc\td\n", r"a\.tsv:3: invalid literal"),
        (HEAD + 2 * "x\tok\ta\tb\t1\tc\td\n", "the video x comes twice"),
        (b"\xff\xfe\0", "not a ledger: 'utf-8' codec"),
    ],
)
def test_what_is_no_ledger_is_told(tmp_path, text, message):
    (tmp_path / "a.tsv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FetchError, match=message):
        read_ledger(tmp_path / "a.tsv")


def test_a_missing_ledger_is_told(tmp_path):
    with pytest.raises(FetchError, match=r"none\.tsv: no such ledger; write one with 'vsda ledg"):
        read_ledger(tmp_path / "none.tsv")


def test_what_a_mirror_lacks_is_not_dead_for_everybody(tmp_path):
    rows = [video("a", Outcome.GONE, session="mirror"), video("b", Outcome.GONE)]
    write_ledger(tmp_path / "l.tsv", rows, set_name="ytbb-train", split="train")
    assert known_dead(read_ledger(tmp_path / "l.tsv")) == {"b" * 11}
