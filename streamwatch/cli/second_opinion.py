"""Verbs about the second opinion: ``second-opinion test``, ``second-opinion questions``."""

import argparse
import asyncio
import os
from pathlib import Path

from streamwatch.cli.options import Verbs, config_option


def add_verbs(verbs: Verbs) -> None:
    """Adds them to the command line."""
    family = verbs.add_parser("second-opinion", help="the vision-language model that is asked about incidents")
    inner = family.add_subparsers(required=True, metavar="VERB")
    test = inner.add_parser("test", help="show it one picture and print what it answers to each question")
    test.add_argument("picture", type=Path, metavar="FILE", help="a JPEG, PNG, WebP or GIF picture")
    test.add_argument(
        "--label", action="append", default=[], metavar="LABEL", help='only this label, or those beginning so ("gore")'
    )
    config_option(test)
    test.add_argument("--json", action="store_true")
    test.set_defaults(run=_test)
    questions = inner.add_parser("questions", help="print the questions that streamwatch brings, to be changed")
    questions.set_defaults(run=_questions)


def _test(chosen: argparse.Namespace) -> int:
    from streamwatch.app.opinion_test import ask_about  # noqa: PLC0415

    return asyncio.run(ask_about(chosen.picture, chosen.config, os.environ, labels=chosen.label, as_json=chosen.json))


def _questions(_: argparse.Namespace) -> int:
    from streamwatch.settings.questions import DEFAULT_FILE  # noqa: PLC0415

    print(DEFAULT_FILE.read_text(), end="")
    return 0
