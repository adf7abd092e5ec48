import math
import re

import pytest

from vsda.report.log import read_log


def _log(tmp_path, text):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text)
    return path


def test_log_gives_each_number_by_step(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1}\n'))

    assert (log.steps, log.values, log.cut) == ((1, 2), {"loss": (2.0, 1.0)}, False)


def test_later_line_of_a_step_replaces_the_earlier(tmp_path):
    text = '{"step": 1, "loss": 9}\n{"step": 2, "loss": 8}\n{"step": 1, "loss": 3}\n'

    log = read_log(_log(tmp_path, text))

    assert (log.steps, log.values["loss"]) == ((1, 2), (3.0, 8.0))


def test_log_has_nan_where_a_line_lacks_a_number(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "a": 5}\n{"step": 2, "b": null}\n{"step": 3}\n'))

    assert log.values.keys() == {"a"}
    assert log.values["a"][0] == 5
    assert math.isnan(log.values["a"][1])


def test_log_leaves_out_words_and_truth_values(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "note": "x", "flag": true, "loss": 1}\n'))

    assert log.values.keys() == {"loss"}


def test_cut_last_line_is_left_out_and_told(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "loss": 2}\n{"step": 2, "lo'))

    assert (log.steps, log.cut) == ((1,), True)


def test_whole_last_line_without_line_end_counts(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "loss": 2}\n{"step": 2, "loss": 1}'))

    assert (log.steps, log.cut) == ((1, 2), False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{oops}", r"metrics\.jsonl:2: not JSON"),
        ('{"loss": 1}', r"metrics\.jsonl:2: expected an object with a whole number 'step'"),
        ('{"step": 1.5}', r"metrics\.jsonl:2: expected .*got '\{\"step\": 1\.5\}'"),
        ("[1]", r"metrics\.jsonl:2: expected an object"),
    ],
)
def test_bad_line_inside_a_log_is_left_out_and_told_with_its_number(tmp_path, line, message):
    path = _log(tmp_path, f'{{"step": 1}}\n{line}\n{{"step": 3}}\n')

    log = read_log(path)

    assert log.steps == (1, 3)
    assert [bool(re.search(message, text)) for text in log.damaged] == [True]


def test_rows_hold_the_finite_numbers_of_each_step(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "a": 5}\n{"step": 2, "a": NaN, "b": 1}\n'))

    assert log.rows() == [(1, {"a": 5.0}), (2, {"b": 1.0})]
