"""The versions of what decides the bytes of a set besides its input."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from PIL import features

_PACKAGES = ("numpy", "pillow", "av", "decord", "pycocotools")
_LIBRARIES = {"libjpeg-turbo": "libjpeg_turbo", "zlib": "zlib"}
"""Name to what Pillow calls it."""


@cache
def package_versions() -> dict[str, str]:
    """Return name and version of the packages and libraries that encode, by name.

    Nothing is imported for it. What is not installed is left out.
    """
    found = {name: text for name in _PACKAGES if (text := _version(name))}
    libraries = {name: features.version(key) for name, key in _LIBRARIES.items()}
    return dict(sorted((found | {key: text for key, text in libraries.items() if text}).items()))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
