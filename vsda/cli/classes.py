"""`vsda classes`: which of COCO's classes the datasets have, and which they share."""

from typing import Annotated

import typer

from vsda.cli.table import Column, print_json, print_table


def classes(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET",
            help="Datasets: those classes are printed that each has in each of its splits. "
            "Without any, how many every pair shares.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print the classes that datasets share, as `--classes shared:ONE+OTHER` chooses them.

    Example: vsda classes coco davis
    """
    if datasets:
        _print_shared(datasets, as_json=as_json)
    else:
        _print_pairs(as_json=as_json)


def _print_shared(datasets: list[str], *, as_json: bool) -> None:
    from vsda.manifests import coco_classes
    from vsda.taxonomy import classes_in_common, split_classes

    shared = classes_in_common(datasets)
    splits = {
        f"{dataset}-{split}": len(classes)
        for dataset in datasets
        for split, classes in split_classes(dataset).items()
    }
    groups = {row.id: row.supercategory for row in coco_classes()}
    rows = list(zip(shared.ids, shared.names, strict=True))
    if as_json:
        found = [{"id": coco_id, "name": name} for coco_id, name in rows]
        print_json({"datasets": datasets, "classes_by_split": splits, "shared": found})
        return
    print_table(
        [Column("id", is_number=True), Column("class"), Column("group")],
        [[str(coco_id), name, groups[coco_id]] for coco_id, name in rows],
    )
    counts = ", ".join(f"{name} has {count}" for name, count in splits.items())
    typer.echo(f"{len(shared)} classes in all splits ({counts})")


def _print_pairs(*, as_json: bool) -> None:
    from vsda.taxonomy import classes_in_common, datasets_with_classes

    names = datasets_with_classes()
    pairs = {one: {other: classes_in_common({one, other}) for other in names} for one in names}
    if as_json:
        found = {
            one: {other: list(shared.names) for other, shared in row.items()}
            for one, row in pairs.items()
        }
        print_json(found)
        return
    print_table(
        [Column("shared classes"), *(Column(name, is_number=True) for name in names)],
        [[one, *(str(len(pairs[one][other])) for other in names)] for one in names],
    )
