"""Files at local paths and fsspec URLs; what has its final name is complete.

places  what a path or URL is, and what its file system can do
remote  the errors of remote file systems, as one line with what to do
read    reading, sizes, listings
ranges  pieces of remote files, many at once
write   files that appear whole
tree    moving, copying, removing
lease   one writer at a time on a URL
lock    one writer at a time anywhere
"""

from vsda.storage.lock import exclusive
from vsda.storage.places import Place, is_local, join, local_path, to_place
from vsda.storage.ranges import RemoteFiles
from vsda.storage.read import (
    RangeReader,
    exists,
    file_size,
    list_files,
    list_names,
    modified_ns,
    open_binary,
    read_bytes,
    sha256_file,
    sha256_rest,
)
from vsda.storage.tree import copy, copy_here, move, remove, remove_tree
from vsda.storage.write import (
    PART_ENDING,
    PART_SUFFIX,
    atomic_file,
    copy_there,
    sync_dir,
    write_atomic,
)

__all__ = [
    "PART_ENDING",
    "PART_SUFFIX",
    "Place",
    "RangeReader",
    "RemoteFiles",
    "atomic_file",
    "copy",
    "copy_here",
    "copy_there",
    "exclusive",
    "exists",
    "file_size",
    "is_local",
    "join",
    "list_files",
    "list_names",
    "local_path",
    "modified_ns",
    "move",
    "open_binary",
    "read_bytes",
    "remove",
    "remove_tree",
    "sha256_file",
    "sha256_rest",
    "sync_dir",
    "to_place",
    "write_atomic",
]
