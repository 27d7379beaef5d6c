"""Verbs that look at footage without a daemon: ``probe``."""

import argparse
import asyncio
import json
import sys

from streamwatch.cli.options import Verbs


def add_verbs(verbs: Verbs) -> None:
    """Adds them to the command line."""
    probe = verbs.add_parser("probe", help="what is at a URL, what would be taken, what it would cost")
    probe.add_argument("url", metavar="URL")
    probe.add_argument("--seconds", type=float, default=12.0, help="watch for this long (default 12)")
    probe.add_argument("--interval", type=float, default=2.0, help="seconds between pictures (default 2)")
    probe.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    probe.add_argument("--weights", default="starter")
    probe.add_argument("--json", action="store_true")
    probe.set_defaults(run=_probe)


def _probe(chosen: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415

    from streamwatch.app.probe_report import show  # noqa: PLC0415
    from streamwatch.app.probing import ProbeOptions, probe  # noqa: PLC0415

    headers = {}
    for header in chosen.header:
        name, colon, value = header.partition(":")
        if not colon:
            print("--header must be NAME:VALUE", file=sys.stderr)
            return 2
        headers[name.strip()] = value.strip()
    options = ProbeOptions(chosen.url, chosen.seconds, chosen.interval, chosen.weights, headers)
    report = asyncio.run(probe(options))
    if chosen.json:
        print(json.dumps(report))
    else:
        show(report, Console())
    return 0 if report["ok"] else 1
