"""How large a picture is handed to the models; pure."""

from typing import Final

MAX_RATIO: Final = 4
"""The models see a square. A picture longer than this is squeezed here already, so that it cannot take endless memory:
10000x100 becomes 896x100 for a short side of 224, not 10000x100."""
MIN_SIDE: Final = 8
"""Pixels. There is nothing to be seen in less."""


def fitted(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height with the given short side, never enlarged, the longer side at most ``MAX_RATIO`` times that."""
    factor = min(1.0, short_side / min(width, height))
    longest = MAX_RATIO * short_side
    return min(max(1, round(width * factor)), longest), min(max(1, round(height * factor)), longest)


def largest(short_side: int, pictures: int) -> int:
    """Bytes of so many RGB pictures at their largest."""
    return pictures * 3 * MAX_RATIO * short_side * short_side


def spread(total: int, most: int) -> list[int]:
    """At most ``most`` of the numbers 0 to total - 1, evenly apart, the first and the last among them."""
    if total <= most:
        return list(range(total))
    if most == 1:
        return [0]
    return [round(step * (total - 1) / (most - 1)) for step in range(most)]
