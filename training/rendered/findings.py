"""What heads for people are worth: the twin test, their distance from everything else, alarms, and what to claim."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamwatch.inference.manifest import LabelCoverage
from streamwatch.learning.fit import Matrix
from streamwatch.learning.metrics import auc, bootstrap, threshold_at
from streamwatch.learning.rows import Row
from training.incidents import report
from training.rendered.fitting import LABELS
from training.rendered.material import People
from training.rendered.series import Kind

KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "self_harm": ("gun", "blade"),
    "unconscious": ("unconscious",),
    "serious_injury": ("injury",),
}
"""Which pairs ask for a label."""
ORDERED: Final = 0.8
"""Share of unseen pairs in which the positive picture has to score higher for the label to be what it is called."""
ORDERED_LOW: Final = 0.7
"""And the lower end of its interval, as for labels that drawings support."""
APART: Final = 0.9
"""AUC against everything else, below which a label is not even a proxy for what it sees."""
LEAST_GROUPS: Final = 30
"""Bodies of the test, below which nothing is claimed."""
_CHANCE: Final = 0.6
FALSE_ALARMS: Final = 0.01
LEAST_RECALL: Final = 0.1
"""A threshold that finds less is not proposed."""
_DRAWN: Final = "self_harm_"
_DRAWN_POSITIVE: Final = "self_harm_aimed"
_DRAWN_TWINS: Final = ("self_harm_turned_away", "self_harm_far", "self_harm_other_object")
_DRAWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Share:
    """How often something is right, with a 90 % interval from drawing whole groups again."""

    share: float
    low: float
    high: float
    count: int
    groups: int


@dataclass(frozen=True, slots=True)
class Others:
    """Everything that shows no rendered people, and slow pans over photographs; scores are (rows, LABELS)."""

    rows: Sequence[Row]
    scores: Matrix
    panned: Sequence[Row]
    panned_scores: Matrix


def findings(people: People, scores: Matrix, others: Others) -> dict[str, Any]:
    """Label -> its figures on what is held out, as plain JSON values. A label that no pair asks for has none."""
    return {
        label: _finding(label, people, scores[:, i], others, i)
        for i, label in enumerate(LABELS)
        if len(_asking(label, people))
    }


def _finding(label: str, people: People, scores: Matrix, others: Others, column: int) -> dict[str, Any]:
    pairs = _asking(label, people)
    right = (scores[pairs[:, 0]] > scores[pairs[:, 1]]) + 0.5 * (scores[pairs[:, 0]] == scores[pairs[:, 1]])
    facts = [people.facts[i] for i in pairs[:, 0]]
    twins = [people.facts[i] for i in pairs[:, 1]]
    calibrated = _threshold(others, column)
    test = others.scores[:, column]
    held_out = np.array([row.split == "test" for row in others.rows])
    moving = np.array([row.split == "test" for row in others.panned])
    photographs = [row.artwork for row, chosen in zip(others.panned, moving, strict=True) if chosen]
    return {
        "twins": asdict(share_of(right, [str(fact["body"]) for fact in facts])),
        "by_positive": _by([fact["situation"] for fact in facts], right),
        "by_twin": _by([fact["situation"] for fact in twins], right),
        "same_thing": _by([str(a["prop"] == b["prop"]) for a, b in zip(facts, twins, strict=True)], right),
        "drawn_twins": _drawn_twins(others, column) if label == "self_harm" else None,
        "apart": _apart(label, people, scores, others, column),
        "threshold": calibrated,
        "recall": float((scores[pairs[:, 0]] >= calibrated).mean()),
        "alarms_of_twins": _by([fact["situation"] for fact in twins], scores[pairs[:, 1]] >= calibrated),
        "alarms": _by(
            [row.situation for row, chosen in zip(others.rows, held_out, strict=True) if chosen],
            test[held_out] >= calibrated,
        ),
        "avatars": _rate(
            [r.source.startswith("dicebear") and r.split == "test" for r in others.rows], test, calibrated
        ),
        "motion": report(others.panned_scores[moving, column], calibrated, photographs),
    }


def _asking(label: str, people: People) -> npt.NDArray[np.intp]:
    """Pairs of the test whose positive has the label and whose twin has not."""
    pairs = people.pairs("test", kinds=KINDS[label])
    labels = [[people.rows[i].labels.get(label) for i in pair] for pair in pairs]
    return pairs[[known == [1, 0] for known in labels]]


def share_of(right: npt.NDArray[np.floating], groups: Sequence[str]) -> Share:
    """The mean with its interval; pairs of one group are no independent evidence."""
    found: dict[str, list[float]] = defaultdict(list)
    for group, value in zip(groups, right, strict=True):
        found[group].append(float(value))
    if not found:
        return Share(float("nan"), float("nan"), float("nan"), 0, 0)
    totals = np.array([[sum(values), len(values)] for values in found.values()])
    rng = np.random.default_rng(0)
    drawn = totals[rng.integers(0, len(totals), (_DRAWS, len(totals)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [5, 95])
    return Share(float(np.mean(right)), float(low), float(high), len(right), len(found))


def _by(names: Sequence[str], values: npt.NDArray[Any]) -> dict[str, dict[str, float]]:
    kinds = np.array(names, dtype=str)
    return {
        str(kind): {"share": float(values[kinds == kind].mean()), "count": int((kinds == kind).sum())}
        for kind in sorted(set(names))
    }


def _rate(chosen: Sequence[bool], scores: Matrix, threshold: float) -> dict[str, float]:
    mask = np.array(chosen, bool)
    return {"share": float((scores[mask] >= threshold).mean()) if mask.any() else 0.0, "count": int(mask.sum())}


def _drawn_twins(others: Others, column: int) -> dict[str, Any]:
    """Drawn compositions have no partners: the chance that an aimed one scores above a twin, faces drawn again."""
    rows = [i for i, row in enumerate(others.rows) if row.split == "test"]
    aimed = [i for i in rows if others.rows[i].situation == _DRAWN_POSITIVE]
    found = {}
    for situation in _DRAWN_TWINS:
        chosen = aimed + [i for i in rows if others.rows[i].situation == situation]
        if not 0 < len(aimed) < len(chosen):
            continue
        truth = np.arange(len(chosen)) < len(aimed)
        artworks = [others.rows[i].artwork for i in chosen]
        low, high = bootstrap(truth, others.scores[chosen, column], artworks, auc)
        found[situation] = {"auc": auc(truth, others.scores[chosen, column]), "low": low, "high": high}
    return found


def _apart(label: str, people: People, scores: Matrix, others: Others, column: int) -> dict[str, Any]:
    """Positives and twins against photographs, drawings and rendered people of the other kinds."""
    mine = people.pairs("test", kinds=KINDS[label]).ravel()
    rest = np.setdiff1d(people.of("test"), mine)
    plain = [i for i, row in enumerate(others.rows) if row.split == "test" and not row.situation.startswith(_DRAWN)]
    values = np.concatenate([scores[mine], scores[rest], others.scores[plain, column]])
    truth = np.arange(len(values)) < len(mine)
    artworks = [people.rows[i].artwork for i in (*mine, *rest)] + [others.rows[i].artwork for i in plain]
    low, high = bootstrap(truth, values, artworks, auc)
    photos = [i for i in plain if others.rows[i].situation in ("plain_photo", "red_photo")]
    against = {"people": scores[rest], "photographs": others.scores[photos, column]}
    positives = scores[_asking(label, people)[:, 0]]
    return {
        "auc": auc(truth, values),
        "low": low,
        "high": high,
        "positives_only": {
            name: auc(np.arange(len(positives) + len(v)) < len(positives), np.concatenate([positives, v]))
            for name, v in against.items()
        },
        "rest": len(rest) + len(plain),
    }


def _threshold(others: Others, column: int) -> float:
    """The lowest hundredth at which, on calibration pictures, photographs and drawings of every kind raise at most 1 %
    false alarms and slow pans not one.

    Stricter than for ``gore.prob``, where pans may raise alarms but no incident: with that rule heads for people opened
    incidents on the test's photographs, of which three hours of calibration pans had not warned.
    """
    of = [i for i, row in enumerate(others.rows) if row.split == "calibrate"]
    kinds = np.array([others.rows[i].situation for i in of])
    needed = max(threshold_at(others.scores[of, column][kinds == kind], FALSE_ALARMS) for kind in set(kinds.tolist()))
    panned = others.panned_scores[[i for i, row in enumerate(others.panned) if row.split == "calibrate"], column]
    steps = [float(step) for step in np.arange(0.05, 1.0, 0.01) if step >= needed]
    return round(min((step for step in steps if (panned < step).all()), default=0.99), 2)


SEEN: Final[Mapping[str, str]] = {
    "self_harm": "rendered people with a pistol at their own head or chest, or a blade at their throat or arm",
    "unconscious": "rendered people sprawled on ground, floor or stairs without mat, towel or bed",
    "serious_injury": "large wounds painted on rendered people",
}
_ONLY: Final[Mapping[str, str]] = {
    "self_harm": "rendered people with a weapon or blade close to them; intent is not told",
    "unconscious": "rendered people who lie; whether they are unconscious is not told",
    "serious_injury": "rendered people with something red painted on them; wounds are not told",
}


def verdict(label: str, finding: Mapping[str, Any]) -> LabelCoverage:
    """What may be claimed of a label, by rule."""
    twins, apart = finding["twins"], finding["apart"]
    said = f"{_percent(twins)} of {twins['count']} unseen pairs"
    figures = {
        "twins": round(twins["share"], 4), "twins_low": round(twins["low"], 4), "twins_high": round(twins["high"], 4),
        "apart_auc": round(apart["auc"], 4), "recall": round(finding["recall"], 4),
    }  # fmt: skip
    enter = finding["threshold"] if finding["recall"] >= LEAST_RECALL else None
    enough = twins["groups"] >= LEAST_GROUPS
    nearest = min(value for value in apart["positives_only"].values() if not np.isnan(value))
    if enough and twins["share"] >= ORDERED and twins["low"] >= ORDERED_LOW and nearest >= ORDERED:
        of = f"{SEEN[label]}, told from the same person without that in {said}"
        return LabelCoverage("proxy", of + _drawings(finding) + "; no photograph of it was ever shown", enter, figures)
    if enough and apart["auc"] >= APART:
        return LabelCoverage("proxy", f"{_ONLY[label]} (right in {said})" + _drawings(finding), enter, figures)
    return LabelCoverage("unsupported", f"learnt from {SEEN[label]}, but too weak to claim: right in {said}")


def _percent(share: Mapping[str, float]) -> str:
    return f"{100 * share['share']:.0f} % [{100 * share['low']:.0f}, {100 * share['high']:.0f}]"


def _drawings(finding: Mapping[str, Any]) -> str:
    drawn = finding["drawn_twins"]
    if not drawn:
        return ", rendered ones only"
    worst = min(float(one["auc"]) for one in drawn.values())
    told = "in drawings too" if worst >= ORDERED else "hardly in drawings" if worst >= _CHANCE else "not in drawings"
    return f"; {told} (AUC {worst:.2f})"
