"""The whole command line: every verb, and how its faults become words and an exit status."""

import argparse
import sys
from collections.abc import Sequence

from streamwatch import __version__
from streamwatch.cli import clients, configuration, learning, looking, running, second_opinion, weights
from streamwatch.errors import ConfigError, StreamwatchError


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
    for family in (running, configuration, clients, looking, weights, learning, second_opinion):
        family.add_verbs(verbs)
    return parser
