"""Fetches the licensed sources once, through npm and apt, into the cache folder."""

import subprocess
from pathlib import Path
from typing import Final

ICON_SETS: Final = {
    "game-icons": "1.2.4",
    "healthicons": "1.2.13",
    "noto": "1.2.9",
    "twemoji": "1.2.5",
    "fluent-emoji": "1.2.7",
    "openmoji": "1.2.29",
}
PANORAMAS: Final = ("@pmndrs/assets", "1.7.0")
DEBIAN: Final = (
    "freedoom",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "ukui-wallpapers",
)


def fetch_sources(folder: Path) -> None:
    """Brings every source into ``folder``; what is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    packages = [(f"@iconify-json/{name}", version) for name, version in ICON_SETS.items()]
    for name, version in [*packages, PANORAMAS]:
        target = folder / tarball_name(name, version)
        if not target.exists():
            _run(["npm", "pack", f"{name}@{version}", "--silent"], folder)
    for package in DEBIAN:
        if not (folder / package).exists():
            _run(["apt-get", "download", package], folder)
            archive = next(folder.glob(f"{package}_*.deb"))
            _run(["dpkg", "-x", archive.name, package], folder)
            archive.unlink()


def tarball_name(package: str, version: str) -> str:
    """The file that ``npm pack`` writes for a scoped package."""
    return f"{package.removeprefix('@').replace('/', '-')}-{version}.tgz"


def _run(command: list[str], folder: Path) -> None:
    print(f"  {' '.join(command)}")
    subprocess.run(command, cwd=folder, check=True, timeout=900, stdout=subprocess.DEVNULL)
