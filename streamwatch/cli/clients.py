"""Verbs about the clients of the HTTP API: ``api-client add``."""

import argparse
import os

from streamwatch.cli.options import Verbs, config_option


def add_verbs(verbs: Verbs) -> None:
    """Adds them to the command line."""
    clients = verbs.add_parser("api-client", help="clients of the HTTP API").add_subparsers(
        required=True, metavar="VERB"
    )
    add = clients.add_parser("add", help="make a client: its secret, and the block for the configuration")
    add.add_argument("name", metavar="NAME", help="its api_user")
    add.add_argument(
        "--scopes",
        default="check,submit",
        metavar="SCOPE,...",
        help="of check, submit, moderate, admin (default: check,submit)",
    )
    add.add_argument("--signed-callbacks", action="store_true", help="make a key for signing its callbacks too")
    add.add_argument("--write", action="store_true", help="add the block to the configuration file")
    config_option(add)
    add.add_argument("--json", action="store_true")
    add.set_defaults(run=_api_client_add)


def _api_client_add(chosen: argparse.Namespace) -> int:
    from streamwatch.app.client_secrets import add_client  # noqa: PLC0415

    return add_client(
        chosen.name,
        chosen.scopes,
        chosen.config,
        os.environ,
        signed_callbacks=chosen.signed_callbacks,
        write=chosen.write,
        as_json=chosen.json,
    )
