"""The command line: verbs, their options and exit codes."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from streamwatch import __version__
from streamwatch.errors import EXIT_DEVICE_LOST, ConfigError, StreamwatchError
from streamwatch.inference.tuning import tune_process

DEFAULT_CONFIG = Path("/etc/streamwatch/streamwatch.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done. 1: failed. 2: the configuration or the command line is wrong. 70: the device is lost."""
    chosen = _parser().parse_args(arguments)
    try:
        status: int = chosen.run(chosen)
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except StreamwatchError as error:
        print(" ".join(word for word in (str(error), error.hint) if word), file=sys.stderr)
        return 1
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
    _config_verbs(verbs)
    _client_verbs(verbs)
    _looking_verbs(verbs)
    return parser


def _config_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    config = verbs.add_parser("config", help="look at a configuration").add_subparsers(required=True, metavar="VERB")
    check = config.add_parser("check", help="say every fault at once; exit status 2 when there is one")
    _config_option(check)
    check.add_argument("--explain", metavar="STREAM", help="show each effective value and where it came from")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_config_check)
    test = verbs.add_parser("test-alert", help="send a marked alert to every sink")
    _config_option(test)
    test.add_argument("--sink", metavar="NAME", help="only this sink")
    test.add_argument("--json", action="store_true")
    test.set_defaults(run=_test_alert)
    status = verbs.add_parser("status", help="ask the running daemon how it is")
    _config_option(status)
    status.add_argument("--url", help="the daemon's address (default: from the configuration)")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)


def _client_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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
    _config_option(add)
    add.add_argument("--json", action="store_true")
    add.set_defaults(run=_api_client_add)


def _looking_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    probe = verbs.add_parser("probe", help="what is at a URL, what would be taken, what it would cost")
    probe.add_argument("url", metavar="URL")
    probe.add_argument("--seconds", type=float, default=12.0, help="watch for this long (default 12)")
    probe.add_argument("--interval", type=float, default=2.0, help="seconds between pictures (default 2)")
    probe.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    probe.add_argument("--weights", default="starter")
    probe.add_argument("--json", action="store_true")
    probe.set_defaults(run=_probe)
    weights = verbs.add_parser("weights", help="look at the weights").add_subparsers(required=True, metavar="VERB")
    listing = weights.add_parser("list", help="which labels each set of weights detects")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_weights_list)


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )


def _run(chosen: argparse.Namespace) -> int:
    tune_process()
    from streamwatch.app.running import run_daemon  # noqa: PLC0415 - torch takes seconds; --help and check need none

    status = asyncio.run(run_daemon(chosen.config, os.environ))
    if status == EXIT_DEVICE_LOST:
        # Everything is written down; a thread that hangs in the lost device would keep an ordinary exit waiting.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _demo(chosen: argparse.Namespace) -> int:
    tune_process()
    from streamwatch.app.demonstration import DemoOptions, run_demo  # noqa: PLC0415

    options = DemoOptions(chosen.seconds, chosen.json, chosen.svg)
    return asyncio.run(run_demo(options, os.environ))


def _config_check(chosen: argparse.Namespace) -> int:
    from streamwatch.app.inspection import check_config  # noqa: PLC0415

    return check_config(chosen.config, os.environ, explain=chosen.explain, as_json=chosen.json)


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


def _test_alert(chosen: argparse.Namespace) -> int:
    from streamwatch.app.sink_test import send_test_alert  # noqa: PLC0415

    return asyncio.run(send_test_alert(chosen.config, os.environ, sink=chosen.sink, as_json=chosen.json))


def _status(chosen: argparse.Namespace) -> int:
    from streamwatch.app.inspection import show_status  # noqa: PLC0415

    return asyncio.run(show_status(chosen.config, os.environ, url=chosen.url, as_json=chosen.json))


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


def _weights_list(chosen: argparse.Namespace) -> int:
    from streamwatch.app.inspection import list_weights  # noqa: PLC0415

    return list_weights(as_json=chosen.json)
