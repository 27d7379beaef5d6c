"""When a label may call itself measured: the written rule, and what an operator may relax of it, in words."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from streamwatch.inference.manifest import LabelCoverage
from streamwatch.learning.label_figures import LabelFigures

LEAST_AUC: Final = 0.80
LEAST_LOW: Final = 0.70
LEAST_GROUPS: Final = 5
"""Of a proxy, as of the starter weights."""


@dataclass(frozen=True, slots=True)
class MeasuredRule:
    """What held-out pictures must show. ``words`` say why it is not the ordinary one."""

    positives: int = 46
    """Positive groups: 45 of 46 found are just enough for nine in ten with 95 % confidence. As many groups of
    negatives: a thousand pictures of one stream say what that stream looks like.
    """
    recall: float = 0.90
    """Its lower bound."""
    false_positives: float = 0.001
    """The share of negatives at which the recall counts; so many negatives that one of them may be flagged."""
    calibration_error: float = 0.05
    words: str = ""

    @property
    def negatives(self) -> int:
        """Fewer cannot show such a rate."""
        return round(1 / self.false_positives)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def sentence(self) -> str:
        """The rule in words."""
        relaxed = f", relaxed by the operator: {self.words}" if self.words else ""
        return (
            f"at least {self.positives} positive groups and {self.negatives} negatives of as many groups held out,"
            f" recall of at least {self.recall:.2f} (lower 95 % bound) at {self.false_positives:.1%} false positives,"
            f" calibration error of at most {self.calibration_error:.2f}{relaxed}"
        )


def shortcomings(figures: LabelFigures, rule: MeasuredRule) -> list[str]:
    """What keeps the label from being measured, in words; empty when nothing does."""
    if figures.why_not:
        return [figures.why_not]
    found = []
    if figures.positive_groups < rule.positives:
        found.append(f"{figures.positive_groups} positive groups of {rule.positives}")
    if figures.negatives < rule.negatives:
        found.append(f"{figures.negatives} negatives of {rule.negatives}")
    if figures.negative_groups < rule.positives:
        found.append(f"negatives of {figures.negative_groups} groups of {rule.positives}")
    recall = figures.recall_at(rule.false_positives)
    if recall is not None and recall.at_least < rule.recall:
        rate = f"{rule.false_positives:.1%}"
        found.append(f"recall at {rate} false positives {recall.found:.2f}, at least {recall.at_least:.2f}")
    if figures.calibration_error is not None and figures.calibration_error > rule.calibration_error:
        found.append(f"calibration error {figures.calibration_error:.2f}")
    return found


def coverage_of(figures: LabelFigures, rule: MeasuredRule, enter: float | None) -> LabelCoverage:
    """What the weights may say about the label; ``enter`` is the threshold that they would propose for it."""
    short = shortcomings(figures, rule)
    numbers = _numbers(figures, rule)
    colour = _colour(figures)
    seen = f"{figures.positives} positives of {figures.positive_groups} groups, {figures.negatives} negatives, held out"
    if not short:
        relaxed = f"; under a relaxed rule: {rule.words}" if rule.words else ""
        return LabelCoverage("measured", f"the operator's own pictures: {seen}{colour}{relaxed}", enter, numbers)
    if _is_proxy(figures):
        lacking = f"the operator's own pictures, not enough to call it measured: {'; '.join(short)}{colour}"
        return LabelCoverage("proxy", lacking, enter, numbers)
    if figures.why_not:
        return LabelCoverage("unsupported", f"not measured: {figures.why_not}")
    weak = f"AUC {figures.auc:.2f} [{figures.auc_low:.2f}, {figures.auc_high:.2f}]"
    return LabelCoverage("unsupported", f"seen in the operator's own pictures, but too weak to claim: {weak}, {seen}")


def _colour(figures: LabelFigures) -> str:
    """A warning: what colour alone can tell here, something else will look like elsewhere."""
    if figures.auc is None or figures.baseline_auc is None or figures.baseline_auc < figures.auc:
        return ""
    return f"; colour alone does as well on them (AUC {figures.baseline_auc:.2f})"


def _is_proxy(figures: LabelFigures) -> bool:
    return (
        figures.auc is not None
        and figures.auc_low is not None
        and figures.auc >= LEAST_AUC
        and figures.auc_low >= LEAST_LOW
        and figures.positive_groups >= LEAST_GROUPS
    )


def _numbers(figures: LabelFigures, rule: MeasuredRule) -> dict[str, float]:
    recall = figures.recall_at(rule.false_positives)
    found = {
        "auc": figures.auc,
        "auc_low": figures.auc_low,
        "ap": figures.ap,
        "recall": recall.found if recall else None,
        "recall_at_least": recall.at_least if recall else None,
        "false_positives": rule.false_positives,
        "calibration_error": figures.calibration_error,
        "positives": figures.positives,
        "positive_groups": figures.positive_groups,
        "negatives": figures.negatives,
    }
    return {name: round(float(value), 4) for name, value in found.items() if value is not None}
