"""When a label's score opens an incident."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threshold:
    """The effective policy of one label on one stream."""

    label: str
    enter: float
    """Scores at or above count towards opening, 0-1."""
    exit: float
    """Scores below count towards closing, 0-1; at most ``enter``."""
    confirm_n: int
    """This many ..."""
    confirm_m: int
    """... of this many last scored frames (not older than 2 x m x interval) must be over ``enter``."""
    cooldown: float
    """Seconds after the close in which a new crossing reopens the same incident."""
