"""Verbs that watch: ``run`` and ``demo``."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from streamwatch.cli.options import Verbs, config_option
from streamwatch.errors import EXIT_DEVICE_LOST
from streamwatch.inference.tuning import tune_process


def add_verbs(verbs: Verbs) -> None:
    """Adds them to the command line."""
    run = verbs.add_parser("run", help="watch the streams of a configuration until stopped")
    config_option(run)
    run.set_defaults(run=_run)
    demo = verbs.add_parser("demo", help="watch three streams that streamwatch draws itself")
    demo.add_argument("--seconds", type=float, help="end after this long (default: Ctrl+C)")
    demo.add_argument("--json", action="store_true", help="no screen; one summary object on standard output at the end")
    demo.add_argument("--svg", type=Path, metavar="FILE", help="draw the last screen into FILE")
    demo.set_defaults(run=_demo)


def _run(chosen: argparse.Namespace) -> int:
    tune_process()
    from streamwatch.app.running import run_daemon  # noqa: PLC0415 - torch takes seconds; --help and check need none

    status = asyncio.run(run_daemon(chosen.config, os.environ))
    if status in (0, EXIT_DEVICE_LOST):
        # Everything is written down. A thread that is still within a model (other weights that are being loaded, the
        # shadow's picture, a lost device) would keep an ordinary exit waiting, or have it end by SIGABRT.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _demo(chosen: argparse.Namespace) -> int:
    tune_process()
    from streamwatch.app.demonstration import DemoOptions, run_demo  # noqa: PLC0415

    options = DemoOptions(chosen.seconds, chosen.json, chosen.svg)
    return asyncio.run(run_demo(options, os.environ))
