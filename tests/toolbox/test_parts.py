"""Which part a sequence belongs to hangs on its name, the shares and the seed alone."""

import hashlib
import os
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from vsda.errors import ShardError, UsageError
from vsda.toolbox.parts import by_hash, by_list, parse_parts, read_list, seed_for

NAMES = [f"sequence-{number}" for number in range(5000)]


class TestShares:
    def test_they_are_exact_and_in_order(self):
        assert parse_parts("train=0.7, val=0.2,test=0.1") == {
            "train": Fraction(7, 10),
            "val": Fraction(1, 5),
            "test": Fraction(1, 10),
        }
        assert list(parse_parts("b=0.5,a=0.5")) == ["b", "a"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("train=0.9", "the shares add up to 0.9, expected 1"),
            ("train=0.9,val=0.2", "the shares add up to 1.1, expected 1"),
            ("train=0.5,train=0.5", "expected NAME=SHARE,NAME=SHARE with different names"),
            ("train", "such as train=0.9,val=0.1; got 'train'"),
            ("", "expected NAME=SHARE"),
            ("train=x", "'x' is no number"),
            ("train=nan", "'nan' is no number"),
            ("train=inf", "'inf' is no number"),
            ("train=0,val=1", "a share of 0, expected above 0 and at most 1"),
            ("train=-1,val=2", "a share of -1, expected above 0"),
            ("a/b=1", "--parts 'a/b': a part is called by letters, digits"),
            ("000001=1", "--parts '000001': a part is called by"),
            ("a-12=1", "does not end in a number alone"),
            ("=1", "--parts '': a part is called by"),
        ],
    )
    def test_others_are_refused(self, text, message):
        with pytest.raises(UsageError) as error:
            parse_parts(text)
        assert message in str(error.value)


class TestHash:
    def test_a_known_name_has_a_known_part(self):
        """The SHA-256 of '0', a zero byte and 'bear' begins with 1f: from 31/256 = 0.1211 on."""
        assert hashlib.sha256(b"0\0bear").hexdigest().startswith("1f")
        assert by_hash(parse_parts("a=0.121,b=0.879"), 0)("bear") == "b"
        assert by_hash(parse_parts("a=0.126,b=0.874"), 0)("bear") == "a"

    def test_the_parts_are_as_large_as_their_shares(self):
        part_of = by_hash(parse_parts("train=0.7,val=0.2,test=0.1"), 0)
        counts = Counter(map(part_of, NAMES))
        for part, share in (("train", 0.7), ("val", 0.2), ("test", 0.1)):
            assert counts[part] / len(NAMES) == pytest.approx(share, abs=0.02)

    def test_another_seed_divides_otherwise(self):
        shares = parse_parts("a=0.5,b=0.5")
        first, second = ([by_hash(shares, seed)(name) for name in NAMES] for seed in (0, 1))
        same = sum(one == other for one, other in zip(first, second, strict=True))
        assert same / len(NAMES) == pytest.approx(0.5, abs=0.03)

    def test_a_larger_part_keeps_what_it_had(self):
        small, large = (
            by_hash(parse_parts(f"a={a},b={b}"), 0) for a, b in ((0.5, 0.5), (0.6, 0.4))
        )
        kept = [name for name in NAMES if small(name) == "a"]
        assert all(large(name) == "a" for name in kept)

    def test_a_seed_that_leaves_no_part_empty_is_found(self):
        shares, names = parse_parts("a=0.9,b=0.1"), NAMES[:3]
        seed = seed_for(shares, names)
        assert {by_hash(shares, seed)(name) for name in names} == {"a", "b"}
        for earlier in range(seed):
            assert {by_hash(shares, earlier)(name) for name in names} != {"a", "b"}

    def test_more_parts_than_names_have_no_such_seed(self):
        assert seed_for(parse_parts("a=0.5,b=0.5"), ["one"]) is None


class TestList:
    def read(self, tmp_path, data):
        path = tmp_path / "list.txt"
        path.write_bytes(data)
        return read_list(path)

    def test_lines_give_the_parts(self, tmp_path):
        text = "\ufeff# a comment\nbear\ttrain\n\ncows \tval\r\n"
        assert self.read(tmp_path, text.encode()) == {"bear": "train", "cows": "val"}

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"bear train\n", r"list.txt:1: expected sequence<TAB>part, got 'bear train'"),
            (b"a\ttrain\nbear\t\n", r"list.txt:2: expected sequence<TAB>part"),
            (b"a\tb\tc\n", r"list.txt:1: expected sequence<TAB>part"),
            (b"a\ttrain\na\tval\n", r"list.txt:2: a comes twice"),
            (b"a\t../x\n", r"list.txt:1: '../x': a part is called by"),
            (b"\xff\xfe\n", r"--list .*list.txt: .*; save it as text in UTF-8"),
        ],
    )
    def test_others_are_refused(self, tmp_path, data, message):
        with pytest.raises(UsageError, match=message):
            self.read(tmp_path, data)

    def test_a_missing_file_is_told(self, tmp_path):
        with pytest.raises(UsageError, match=r"--list .*none.txt: cannot be read: .*No such file"):
            read_list(tmp_path / "none.txt")

    def test_it_must_name_what_the_set_has_and_nothing_else(self, tmp_path):
        parts = {"bear": "train", "cows": "val"}
        path = tmp_path / "x"
        assert by_list(parts, ["cows", "bear"], "set", path)("cows") == "val"
        with pytest.raises(ShardError, match=r"x: dog of set is in no line; give each a part"):
            by_list(parts, ["cows", "bear", "dog"], "set", path)
        with pytest.raises(ShardError, match=r"x: bear is not in set. Did you mean 'bears'"):
            by_list({**parts, "bears": "val"}, ["cows", "bears"], "set", path)

    def test_of_many_names_a_few_are_shown(self, tmp_path):
        with pytest.raises(ShardError, match=r"n0, n1, n2, n3, n4 and 3 more of set are in no"):
            by_list({}, [f"n{number}" for number in range(8)], "set", tmp_path / "x")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file on this machine")
def test_a_list_that_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match=r"--list .*(pipe|zero)"):
            read_list(place)
