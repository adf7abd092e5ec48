"""Archives made by a test: honest ones, hostile ones, and one of real DAVIS frames."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def make_zip(path: Path, files: Mapping[str, bytes], packed: bool = True) -> Path:
    """Write a zip whose names are taken as they are; one that ends in `/` is a folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packing = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(raw_entry(name), data)
    return path


def raw_entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    """Return the entry of a zip that a program on Unix wrote, with the mode of a file."""
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def make_tar(path: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    """Write a tar; `mode` is that of tarfile, such as `w:gz`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def zip_folder(path: Path, folder: Path, top: str) -> Path:
    """Write a zip of all files below `folder`, as `<top>/...`, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir(top)
        for place in sorted(folder.rglob("*")):
            archive.write(place, f"{top}/{place.relative_to(folder)}")
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
