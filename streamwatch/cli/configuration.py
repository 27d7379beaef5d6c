"""Verbs about a configuration and the daemon that runs it: ``config check``, ``test-alert``, ``status``."""

import argparse
import asyncio
import os

from streamwatch.cli.options import Verbs, config_option


def add_verbs(verbs: Verbs) -> None:
    """Adds them to the command line."""
    config = verbs.add_parser("config", help="look at a configuration").add_subparsers(required=True, metavar="VERB")
    check = config.add_parser("check", help="say every fault at once; exit status 2 when there is one")
    config_option(check)
    check.add_argument("--explain", metavar="STREAM", help="show each effective value and where it came from")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_config_check)
    test = verbs.add_parser("test-alert", help="send a marked alert to every sink")
    config_option(test)
    test.add_argument("--sink", metavar="NAME", help="only this sink")
    test.add_argument("--json", action="store_true")
    test.set_defaults(run=_test_alert)
    status = verbs.add_parser("status", help="ask the running daemon how it is")
    config_option(status)
    status.add_argument("--url", help="the daemon's address (default: from the configuration)")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)


def _config_check(chosen: argparse.Namespace) -> int:
    from streamwatch.app.inspection import check_config  # noqa: PLC0415

    return check_config(chosen.config, os.environ, explain=chosen.explain, as_json=chosen.json)


def _test_alert(chosen: argparse.Namespace) -> int:
    from streamwatch.app.sink_test import send_test_alert  # noqa: PLC0415

    return asyncio.run(send_test_alert(chosen.config, os.environ, sink=chosen.sink, as_json=chosen.json))


def _status(chosen: argparse.Namespace) -> int:
    from streamwatch.app.inspection import show_status  # noqa: PLC0415

    return asyncio.run(show_status(chosen.config, os.environ, url=chosen.url, as_json=chosen.json))
