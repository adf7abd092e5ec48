"""The rooms of vsda from bottom to top: this list is the architecture; imports only go down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "vsda"

ROOMS_WITHOUT_TORCH = [
    "errors",
    "resources",
    "progress",
    "signals",
    "memory",
    "sample",
    "manifests",
    "taxonomy",
    "palette",
    "storage",
    "shards",
    "video",
    "fetch",
    "doctor",
    "datasets",
    "engine",
    "prepare",
    "acquire",
    "toolbox",
    "pages",
    "recipes",
    "synth",
]
ROOMS_WITH_TORCH = [
    "stream",
    "models",
    "adversarial",
    "unlabelled",
    "training",
    "evaluation",
    "choice",
    "gap",
    "predict",
    "export",
    "report",
    "bench",
    "tables",
    "cli",
]
ROOMS = ROOMS_WITHOUT_TORCH + ROOMS_WITH_TORCH
HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "lightning_fabric",
    "tensorboard",
    "matplotlib",
    "onnx",
    "simplejpeg",
}

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """Return the room of a file: the first part of its path inside the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Return the modules that a file imports, by full name."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            found.add(node.module)
    return found


def test_there_are_files_in_every_room():
    assert {room_of(path) for path in FILES} - {"__init__", "__main__"} == set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_to_rooms_below_or_to_the_own_room(path):
    if room_of(path) in {"__init__", "__main__"}:
        return
    height = ROOMS.index(room_of(path))
    for module in imported_modules(path):
        if module.startswith("vsda."):
            assert ROOMS.index(module.split(".")[1]) <= height, f"{path} imports {module}"


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if room_of(path) in ROOMS_WITHOUT_TORCH],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_rooms_of_the_data_part_do_not_import_torch(path):
    assert not {module.split(".")[0] for module in imported_modules(path)} & HEAVY


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if room_of(path) == "cli"],
    ids=lambda path: path.name,
)
def test_commands_import_heavy_packages_inside_functions_only(path):
    modules = imported_modules(path, top_level_only=True)
    assert not {module.split(".")[0] for module in modules} & (HEAVY | {"numpy", "av"})


def test_the_data_part_runs_where_torch_cannot_be_imported():
    modules = [
        ".".join(("vsda", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in FILES
        if room_of(path) in {*ROOMS_WITHOUT_TORCH, "cli"} and path.name != "__init__.py"
    ]
    blocked = dict.fromkeys(HEAVY)
    code = (
        f"import sys; sys.modules.update({blocked!r})\n"
        "import importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_web_address_is_written_in_code():
    for path in FILES:
        tree = ast.parse(path.read_text())
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert id(node) in docstrings or "http" not in node.value, f"{path}: {node.value}"
