"""One picture before it is rendered: shapes, camera, what it shows and what is known about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from training.rendered.geometry import Floats
from training.rendered.stage import Camera, coverage

Things = dict[str, Any]
LABELS: Final = ("self_harm", "unconscious", "very_bloody", "slightly_bloody", "serious_injury", "superficial_injury")
CLEAN: Final[Mapping[str, int]] = dict.fromkeys([*LABELS, "skull", "body_organ", "body_waste", "other"], 0)


@dataclass(slots=True)
class Take:
    """``situation`` names the gesture or posture; ``prop`` what is in the hand."""

    situation: str
    labels: dict[str, int]
    build: Callable[[], tuple[Things, Things, Things]]
    """Makes the shapes of prop, person and furniture: slow, so only for takes that are chosen."""
    prop: str = "none"
    cost: float = 0.0
    """How unnatural the inverse kinematics found the gesture; above 6 looks wrong."""
    focus: Floats | None = None
    """What the picture is about: the held thing's middle, in the world."""
    held: Things = field(default_factory=dict)
    person: Things = field(default_factory=dict)
    furniture: Things = field(default_factory=dict)

    def built(self) -> "Take":
        """This take with its shapes."""
        if not self.person:
            self.held, self.person, self.furniture = self.build()
        return self

    def things(self, place: Mapping[str, Any]) -> Things:
        """Everything to render, the prop first, then the person."""
        self.built()
        return {**self.held, **self.person, **self.furniture, **place}


@dataclass(frozen=True, slots=True)
class Sight:
    """What a camera sees of a take."""

    prop_share: float
    """Share of the picture that shows the prop."""
    prop_box: tuple[float, float, float, float]
    """Its left, top, right and bottom as shares of the picture."""
    person: npt.NDArray[np.bool_]
    """Small mask of the person."""


def look(take: Take, place: Mapping[str, Any], camera: Camera) -> Sight:
    """A quick look at a take, without light."""
    seen = coverage(take.things(place), camera)
    held = len(take.held)
    shown = (seen >= 1) & (seen <= held)
    person = (seen > held) & (seen <= held + len(take.person))
    if not shown.any():
        return Sight(0.0, (0, 0, 0, 0), person)
    rows, columns = np.nonzero(shown)
    h, w = seen.shape
    box = (columns.min() / w, rows.min() / h, (columns.max() + 1) / w, (rows.max() + 1) / h)
    return Sight(float(shown.mean()), (float(box[0]), float(box[1]), float(box[2]), float(box[3])), person)
