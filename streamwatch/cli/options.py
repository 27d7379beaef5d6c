"""What several verbs share: the list that they are added to, and the option that names the configuration."""

import argparse
from pathlib import Path
from typing import TypeAlias

DEFAULT_CONFIG = Path("/etc/streamwatch/streamwatch.toml")
Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse has no public name for it


def config_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--config FILE``."""
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )
