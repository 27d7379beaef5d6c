"""The command line: verbs, their options and exit codes."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from streamwatch import __version__

DEFAULT_CONFIG = Path("/etc/streamwatch/streamwatch.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done. 1: failed. 2: the configuration or the command line is wrong. 70: the device is lost."""
    chosen = _parser().parse_args(arguments)
    try:
        status: int = chosen.run(chosen)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `streamwatch ... | head`
        sys.stderr.close()
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="streamwatch", description="Watches live streams for self-harm and gore.")
    parser.add_argument("--version", action="version", version=f"streamwatch {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    run = verbs.add_parser("run", help="watch the streams of a configuration until stopped")
    _config_option(run)
    run.set_defaults(run=_run)
    demo = verbs.add_parser("demo", help="watch three streams that streamwatch draws itself")
    demo.add_argument("--seconds", type=float, help="end after this long (default: Ctrl+C)")
    demo.add_argument("--json", action="store_true", help="no screen; one summary object on standard output at the end")
    demo.add_argument("--svg", type=Path, metavar="FILE", help="draw the last screen into FILE")
    demo.set_defaults(run=_demo)
    return parser


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )


def _run(chosen: argparse.Namespace) -> int:
    from streamwatch.app.running import run_daemon  # noqa: PLC0415 - torch takes seconds; --help and check need none

    return asyncio.run(run_daemon(chosen.config, os.environ))


def _demo(chosen: argparse.Namespace) -> int:
    from streamwatch.app.demonstration import DemoOptions, run_demo  # noqa: PLC0415

    options = DemoOptions(chosen.seconds, chosen.json, chosen.svg)
    return asyncio.run(run_demo(options, os.environ))
