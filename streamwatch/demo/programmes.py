"""The three streams of the demonstration."""

from typing import Final

from streamwatch.demo.drawings import gore_scene, harmless_scene
from streamwatch.demo.origin import Programme

HARMLESS: Final = "seaside"
GORE: Final = "nightmare"
STALLING: Final = "shaky"

_STALL_PERIOD: Final = 45.0
_STALL_FROM: Final = 9.0
_STALL_UNTIL: Final = 17.0


def hangs_until(t: float) -> float:
    """When the stalling stream moves on, asked at second ``t`` of its life."""
    phase = t % _STALL_PERIOD
    return t + _STALL_UNTIL - phase if _STALL_FROM <= phase < _STALL_UNTIL else t


def programmes() -> dict[str, Programme]:
    """Stream id -> programme: one harmless, one with drawn gore every so often, one that stalls and comes back."""
    return {
        HARMLESS: Programme(harmless_scene, _never),
        GORE: Programme(gore_scene, _never),
        STALLING: Programme(harmless_scene, hangs_until),
    }


def _never(t: float) -> float:
    return t
