import json
import os
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsda.datasets.coco import json_rows as coco_json
from vsda.datasets.coco.json_rows import json_rows
from vsda.errors import DatasetError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def rows(path, *lists):
    return [(row.list_name, row.index, row.value) for row in json_rows(path, lists)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.json"


def test_rows_come_in_the_order_of_the_file_with_their_text(path):
    path.write_text(' {"b" : [ {"x":1.50} , 2] , "skip": {"a": []}, "a": []\n, "c":[3]} \n')
    found = list(json_rows(path, ("a", "b")))
    assert [(row.list_name, row.index, row.text) for row in found] == [
        ("b", 0, '{"x":1.50}'),
        ("b", 1, "2"),
    ]


@pytest.mark.parametrize("block_chars", [1, 2, 7])
def test_blocks_may_end_anywhere(path, monkeypatch, block_chars):
    monkeypatch.setattr(coco_json, "_BLOCK_CHARS", block_chars)
    document = {"a": [1234, -1.5e10, 'ä"\\', [True, None], {}], "b": 12, "c": [[]]}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    assert rows(path, "a", "c") == [("a", i, v) for i, v in enumerate(document["a"])] + [
        ("c", 0, [])
    ]


@settings(max_examples=80, deadline=None)
@given(st.lists(VALUES, max_size=4), VALUES, st.sampled_from([None, 0, 2]), st.integers(1, 9))
def test_what_python_reads_at_once_is_read_row_by_row(
    tmp_path_factory, values, other, indent, block_chars
):
    path = tmp_path_factory.mktemp("json") / "x.json"
    path.write_text(json.dumps({"o": other, "a": values}, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_json, "_BLOCK_CHARS", block_chars)
        assert [value for _, _, value in rows(path, "a")] == values


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_damaged_is_an_error_or_still_json(tmp_path_factory, data):
    text = '{"info": {"a": [1, 2.5]}, "a": [{"id": 1, "x": "\\u00e4"}, {"id": -2e3}], "b": []}'
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.text('{}[]",:0e.-+\\ntu\0', max_size=2))
    cut = data.draw(st.integers(0, 3))
    damaged = text[:at] + put + text[at + cut :]
    path = tmp_path_factory.mktemp("json") / "x.json"
    path.write_text(damaged)
    try:
        expected = json.loads(damaged)
    except ValueError:
        expected = None
    try:
        found = rows(path, "a", "b")
    except DatasetError:
        is_whole = isinstance(expected, dict) and all(
            isinstance(expected.get(name), list) for name in "ab"
        )
        assert not is_whole
    else:
        assert found == [
            (name, i, v)
            for name in expected
            if name in "ab" and len(name) == 1
            for i, v in enumerate(expected[name])
        ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 0: expected an object with the lists a"),
        ("[]", "character 0: expected an object"),
        ('{"a": [1, 2', r"character 11: expected a comma or '\]'"),
        ('{"a": [1 2]}', r"character 9: expected a comma or '\]'"),
        ('{"a": [1, ]}', r"character 10: a\[1\]: Expecting value"),
        ('{"a": [tru]}', r"character 7: a\[0\]: Expecting value"),
        ('{"a": [NaN]}', r"a\[0\]: NaN is no number of JSON"),
        ('{"a": [' + "9" * 5000 + "]}", r"a\[0\]: Exceeds the limit"),
        ('{"a": [' + "[" * 100_000 + "]}", r"a\[0\]: maximum recursion depth"),
        ('{"a": {}}', "character 6: 'a' is no list"),
        ('{"a": [], "a": []}', "'a' occurs twice"),
        ('{"a": []} x', "character 10: more text after the end"),
        ("{1: []}", "expected a name in quotes"),
        ('{"a" []}', "character 5: expected a colon"),
        ('{"b": []}', "expected the lists a; 'a' is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(path, text, message):
    path.write_text(text)
    with pytest.raises(DatasetError, match=message) as caught:
        rows(path, "a")
    assert str(caught.value).startswith(str(path))


def test_other_encodings_are_told(path):
    path.write_bytes('{"a": ["bär"]}'.encode("latin-1"))
    with pytest.raises(DatasetError, match=r"x\.json: expected JSON in UTF-8: .*0xe4"):
        rows(path, "a")


def test_a_byte_order_mark_means_nothing(path):
    path.write_bytes('{"a": [1]}'.encode("utf-8-sig"))
    assert rows(path, "a") == [("a", 0, 1)]


def test_what_is_no_file_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DatasetError, match="pipe: not a regular file"):
        rows(tmp_path / "pipe", "a")
    with pytest.raises(DatasetError, match="none: cannot be read: No such file"):
        rows(tmp_path / "none", "a")


def test_a_row_without_end_is_refused_before_it_fills_the_memory(path, monkeypatch):
    monkeypatch.setattr(coco_json, "MAX_ROW_CHARS", 100_000)
    monkeypatch.setattr(coco_json, "_BLOCK_CHARS", 10_000)
    path.write_text('{"a": ["' + "x" * 5_000_000)
    with pytest.raises(DatasetError, match=r"a\[0\]: not whole after 100000 characters"):
        rows(path, "a")


def test_memory_does_not_grow_with_the_file(path, monkeypatch):
    monkeypatch.setattr(coco_json, "_BLOCK_CHARS", 100_000)
    row = json.dumps({"numbers": [1.5] * 50})
    with path.open("w") as file:
        file.write('{"a": [' + ",".join([row] * 30_000) + "]}")
    tracemalloc.start()
    num_rows = sum(1 for _ in json_rows(path, ("a",)))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert num_rows == 30_000
    assert peak_bytes < 1_000_000 < path.stat().st_size
