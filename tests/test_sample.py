"""Keys and facts of a sample."""

import pytest

from vsda.sample import FrameFacts, legal_key

FACTS = FrameFacts(
    dataset="davis",
    split="val",
    sequence="blackswan",
    frame="00003",
    frame_index=3,
    width_px=854,
    height_px=480,
    labelled=True,
    classes=(16,),
)


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        (("davis", "bmx-bumps", "00000"), "davis/bmx-bumps/00000"),
        (("ytbb", "__a.b/c", "1"), "ytbb/x__a-b-c/1"),
        (("x", "ü ö", "0"), "x/---/0"),
    ],
)
def test_key_is_made_legal(parts, key):
    assert legal_key(*parts) == key


def test_facts_survive_json():
    assert FrameFacts.from_json(FACTS.to_json()) == FACTS


def test_facts_of_a_later_version_are_read():
    data = FACTS.to_json().replace(b'"tick"', b'"new_fact":1,"tick"')
    assert FrameFacts.from_json(data) == FACTS
