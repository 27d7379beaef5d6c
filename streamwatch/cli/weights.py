"""Verbs about weights: ``weights list``."""

import argparse

from streamwatch.cli.options import Verbs


def add_verbs(verbs: Verbs) -> None:
    """Adds them to the command line."""
    weights = verbs.add_parser("weights", help="look at the weights").add_subparsers(required=True, metavar="VERB")
    listing = weights.add_parser("list", help="which labels each set of weights detects")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_weights_list)


def _weights_list(chosen: argparse.Namespace) -> int:
    from streamwatch.app.inspection import list_weights  # noqa: PLC0415

    return list_weights(as_json=chosen.json)
