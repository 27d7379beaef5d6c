"""The ``models`` parameter: which of the two models a request asks for."""

import re
from collections.abc import Iterable
from typing import Final

from streamwatch.errors import RequestError
from streamwatch.jobs.results import model_of

_CHOICE: Final = "self-harm and gore-2.0 (or its older name gore)"

_ELSEWHERE: Final = frozenset(
    {
        *("nudity", "violence", "genai", "deepfake", "weapon", "weapons", "recreational_drug", "medical", "alcohol"),
        *("tobacco", "gambling", "money", "offensive", "scam", "wad", "properties", "type", "quality", "military"),
        *("destruction", "face", "faces", "face-attributes", "face-age", "celebrities"),
        *("text", "text-content", "qr-content", "embedded-text"),
    }
)
"""The original service's other models, without the suffix of their version."""

_VERSION = re.compile(r"-\d+(?:\.\d+)?\Z")


def parse_models(values: Iterable[str]) -> tuple[str, ...]:
    """Comma-separated lists -> names as asked for, in that order, each model once. Raises RequestError."""
    given = list(values)
    if not any(value.strip() for value in given):
        raise RequestError("argument_error", f"models is missing: expected a comma-separated list out of {_CHOICE}")
    names = [name.strip() for value in given for name in value.split(",")]
    seen: dict[str, str] = {}
    for name in names:
        model = _known(name)
        if model in seen:
            twice = f"{name!r} twice" if seen[model] == name else f"{seen[model]!r} and {name!r}, which are one model"
            raise RequestError("argument_error", f"models names {twice}: expected each of {_CHOICE} at most once")
        seen[model] = name
    return tuple(seen.values())


def _known(name: str) -> str:
    if not name:
        raise RequestError("argument_error", f"models has an empty name: expected names out of {_CHOICE}")
    model = model_of(name)
    if model is not None:
        return model
    shown = repr(name if len(name) <= 40 else name[:40] + "...")
    if _VERSION.sub("", name) in _ELSEWHERE:
        raise RequestError("argument_error", f"model {shown} is not offered by this server: it offers {_CHOICE}")
    raise RequestError("argument_error", f"model {shown} is not known: expected names out of {_CHOICE}")
