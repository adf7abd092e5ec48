"""`vsda classes`."""

import json


def test_the_classes_that_two_datasets_share_are_listed(vsda):
    lines = vsda("classes", "coco", "davis").stdout.splitlines()
    assert lines[0].split() == ["id", "class", "group"]
    assert " ".join(line.split()[0] for line in lines[1:11]) == "1 2 3 4 16 18 19 27 42 77"
    assert lines[11].startswith("10 classes in all splits (coco-train has 80, coco-val has 80, d")


def test_the_json_has_ids_names_and_the_classes_of_each_split(vsda):
    found = json.loads(vsda("classes", "davis", "ytbb", "--json").stdout)
    assert [row["id"] for row in found["shared"]] == [1, 2, 3, 4, 16, 18, 19]
    assert found["datasets"] == ["davis", "ytbb"]
    assert found["classes_by_split"]["ytbb-val"] == found["classes_by_split"]["ytbb-train"]


def test_without_a_dataset_every_pair_is_counted(vsda):
    head, *rows = (line.split() for line in vsda("classes").stdout.splitlines())
    names = head[2:]
    table = {row[0]: dict(zip(names, map(int, row[1:]), strict=True)) for row in rows}
    assert table["coco"]["coco"] == 80
    assert table["davis"]["ytbb"] == table["ytbb"]["davis"] == 7
    assert table["coco"]["davis"] == table["davis"]["davis"] == 10


def test_an_unknown_dataset_is_a_mistake_in_the_use(vsda):
    message = vsda("classes", "cocoo", code=2).stderr
    assert "unknown dataset for shared classes 'cocoo'. Did you mean 'coco'?" in message
