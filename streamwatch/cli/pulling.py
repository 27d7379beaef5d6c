"""The verb ``weights pull``: its options, its progress bars, its words."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Self

from streamwatch.cli.options import Verbs

_ABOUT = (
    "Fetches an encoder's files at a pinned revision, checks their sha256, makes zero-shot heads for every label from"
    " a file of prompts, and loads the weights once. An interrupted pull goes on where it stopped. The weights are"
    " UNMEASURED until you run `streamwatch evaluate --weights NAME --data DIR`."
)


def add_pull(weights: Verbs) -> None:
    """Adds it to the verbs about weights."""
    pull = weights.add_parser("pull", help="get strong weights (needs internet or a folder)", description=_ABOUT)
    pull.add_argument("name", metavar="NAME", help="siglip2-base")
    pull.add_argument(
        "--from", dest="folder", type=Path, metavar="FOLDER", help="take the files from here, without any network"
    )
    pull.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        help="put NAME/ below this folder (default: the first of $STREAMWATCH_WEIGHTS_PATH that can be written, then"
        " /var/lib/streamwatch/weights)",
    )
    pull.add_argument(
        "--revision",
        metavar="COMMIT",
        help="another revision than the pinned one: files are held to the hub's hashes; with --from, their hashes are"
        " taken down as they are",
    )
    pull.add_argument(
        "--endpoint", metavar="URL", help="a mirror of the hub (default: $HF_ENDPOINT, then https://huggingface.co)"
    )
    pull.add_argument(
        "--prompts", type=Path, metavar="FILE", help="prompts of your own, like the weights' prompts.toml"
    )
    pull.add_argument("--replace", action="store_true", help="make the weights anew when they are there already")
    pull.add_argument("--json", action="store_true")
    pull.set_defaults(run=_pull)


def _pull(chosen: argparse.Namespace) -> int:
    from streamwatch.app.weights_pull import PullOptions, Tell, pull  # noqa: PLC0415
    from streamwatch.inference.sources import find_source  # noqa: PLC0415

    source = find_source(chosen.name)
    options = PullOptions(
        folder=chosen.folder,
        into=chosen.into,
        revision=chosen.revision,
        endpoint=chosen.endpoint,
        prompts=chosen.prompts,
        overwrite=chosen.replace,
    )
    try:
        with _Bars(quiet=chosen.json) as bars:
            report = pull(source, options, Tell(bars.progress, bars.step))
    except KeyboardInterrupt:
        print("\ninterrupted; what came is kept: pull again to go on", file=sys.stderr)
        return 130
    if chosen.json:
        print(json.dumps({"ok": True, **report}))
    else:
        _say(report)
    return 0


def _say(report: dict[str, Any]) -> None:
    name, folder = report["name"], report["folder"]
    print(f"{name}: {report['labels']} labels from {report['prompts']} prompts, in {folder}")
    print(f"encoder: {report['encoder']} ({report['licence']}); {report['checked']}")
    print("UNMEASURED: nobody knows how much these weights find, or how often they are wrong. Measure them:")
    weights = name if report["found_by_name"] else folder
    print(f"  streamwatch evaluate --weights {weights} --data DIR")
    print(f'use them: [inference] weights = "{weights}", with thresholds of your own: they propose none')


class _Bars:
    """One bar a file on standard error, and a line for each step; nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._quiet = quiet
        self._tasks: dict[str, Any] = {}
        self._last = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def progress(self, file: str, done: int, total: int | None) -> None:
        if file not in self._tasks:
            self._tasks[file] = self._bars.add_task(file, total=total)
        self._bars.update(self._tasks[file], completed=done, total=total)

    def step(self, words: str) -> None:
        first = words.split(" of ", maxsplit=1)[0]
        if not self._quiet and first != self._last:
            self._bars.console.print(first)
        self._last = first
