"""Where folders of weights lie, and where new ones are written."""

import os
from pathlib import Path
from typing import Final

from streamwatch.errors import WeightsError

MANIFEST: Final = "manifest.toml"
PATH_VARIABLE: Final = "STREAMWATCH_WEIGHTS_PATH"
SYSTEM_PLACE: Final = Path("/var/lib/streamwatch/weights")


def own_places() -> list[Path]:
    """Where an operator's weights lie: the folders of $STREAMWATCH_WEIGHTS_PATH, then the system's."""
    named = [Path(place) for place in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if place]
    return [*named, SYSTEM_PLACE]


def known_weights() -> dict[str, Path]:
    """Name -> folder of every set of weights: the checkout's, the installed package's, then the operator's own."""
    package = Path(__file__).resolve().parent.parent
    found: dict[str, Path] = {}
    for place in (package.parent / "models", package / "data" / "models", *own_places()):
        for name, folder in _weights_in(place):
            found.setdefault(name, folder)
    return found


def find_weights(name: str) -> Path:
    """The folder of the named weights, or the folder at a path. Raises WeightsError with the known names."""
    known = known_weights()
    if name in known:
        return known[name]
    # A bare name is never a path: a folder that happens to lie in the working directory changes nothing.
    if os.sep in name and (Path(name) / MANIFEST).is_file():
        return Path(name)
    raise WeightsError(
        f"no weights are named {name!r}. Known: {', '.join(sorted(known)) or 'none'};"
        f" others lie in a folder of ${PATH_VARIABLE}, in {SYSTEM_PLACE}, or are named by a path with a {os.sep}"
    )


def _weights_in(place: Path) -> list[tuple[str, Path]]:
    try:
        manifests = sorted(place.glob(f"[!.]*/{MANIFEST}"))
    except OSError:
        return []  # not ours to read: as good as not there
    return [(file.parent.name, file.parent) for file in manifests]
