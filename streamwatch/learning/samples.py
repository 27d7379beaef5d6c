"""A labelled picture of an operator's folder, which part it belongs to, and the harmless footage among them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streamwatch.learning.footage import Policy, Stretch, stretches
from streamwatch.learning.rows import Split

_TENTHS: tuple[Split, ...] = ("train",) * 5 + ("calibrate",) * 2 + ("test",) * 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture, or one moment of a video."""

    name: str
    """The file, as written in labels.csv."""
    digest: str
    """Of the file's bytes: so weights know again what they were trained on."""
    labels: Mapping[str, int]
    group: str
    split: Split
    stream: str | None = None
    """Whose false alarms are one stream's."""
    sequence: str | None = None
    """What its time counts along; None for a picture that is no footage."""
    time: float | None = None
    """Seconds."""


def split_of(group: str) -> Split:
    """Five of ten groups train, two calibrate, three test. By the name alone: no group moves when others are added."""
    return _TENTHS[int(hashlib.sha256(group.encode()).hexdigest(), 16) % len(_TENTHS)]


def truth_of(samples: Sequence[Sample], label: str) -> npt.NDArray[np.float32]:
    """1, 0 and NaN for unknown."""
    return np.array([sample.labels.get(label, np.nan) for sample in samples], np.float32)


def harmless_footage(
    samples: Sequence[Sample], label: str, scores: npt.NDArray[np.float32], policy: Policy
) -> Iterator[Stretch]:
    """Stretches of footage in which the label is known to be absent; ``scores`` are the label's."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, sample in enumerate(samples):
        if sample.sequence is not None and sample.time is not None:
            # Two folders may have a video of the same name.
            video = sample.digest if sample.sequence == sample.name else ""
            places.setdefault((sample.sequence, video), []).append(place)
    truth = truth_of(samples, label)
    for (sequence, _), found in places.items():
        rows = np.array(found)
        stream = samples[found[0]].stream or sequence
        times = np.array([samples[place].time for place in found], float)
        yield from stretches(stream, times, scores[rows], truth[rows] == 0, policy)
