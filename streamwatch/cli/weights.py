"""Verbs about weights: ``weights list``, ``weights pull``, ``weights compare``."""

import argparse
import os
from pathlib import Path

from streamwatch.cli.options import Verbs, config_option
from streamwatch.cli.pulling import add_pull


def add_verbs(verbs: Verbs) -> None:
    """Adds them to the command line."""
    weights = verbs.add_parser("weights", help="look at the weights, or get others").add_subparsers(
        required=True, metavar="VERB"
    )
    listing = weights.add_parser("list", help="which labels each set of weights detects")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_weights_list)
    add_pull(weights)
    compare = weights.add_parser("compare", help="what the weights of [inference.shadow] would have changed")
    config_option(compare)
    compare.add_argument("--store", type=Path, metavar="DIR", help="the daemon's store (default: the configuration's)")
    compare.add_argument("--since", default="24h", metavar="TIME", help='how far back: "24h", "7d" (default: 24h)')
    compare.add_argument("--json", action="store_true")
    compare.set_defaults(run=_weights_compare)


def _weights_list(chosen: argparse.Namespace) -> int:
    from streamwatch.app.inspection import list_weights  # noqa: PLC0415

    return list_weights(as_json=chosen.json)


def _weights_compare(chosen: argparse.Namespace) -> int:
    from streamwatch.app.weights_compare import compare_weights  # noqa: PLC0415

    return compare_weights(chosen.config, os.environ, store=chosen.store, since=chosen.since, as_json=chosen.json)
