"""Writes the model card: every figure comes from the evaluation, none by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from streamwatch.inference.manifest import LabelCoverage

ENOUGH_ARTWORKS = 30
"""Positive artworks from which an aim is said to be met or not."""


def render_card(
    name: str, encoder: str, licence: str, evaluation: Mapping[str, Any], coverage: Mapping[str, LabelCoverage]
) -> str:
    """The card as Markdown. ``evaluation`` is what ``training evaluate`` measured."""
    parts = [
        _head(name, encoder, licence, coverage, evaluation),
        _labels(coverage),
        _threshold(evaluation),
        _trials(evaluation),
        _calibration(evaluation),
        _alarms(evaluation),
        _data(evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def figure(value: float) -> str:
    """Two decimals, as the card prints every share and AUC."""
    return f"{value:.2f}"


def _head(
    name: str, encoder: str, licence: str, coverage: Mapping[str, LabelCoverage], evaluation: Mapping[str, Any]
) -> str:
    blind = ", ".join(f"`{label}`" for label, c in coverage.items() if c.status == "unsupported")
    return f"""# Weights `{name}`: card

This file is written by `python -m training card` from measured figures.

- Encoder: EfficientNet-Lite0 from `{encoder}` (Apache-2.0), {_tuning(evaluation)}. Heads: trained here, {licence}.
- Input: the whole picture squashed to 224 x 224, the same function for streams, stills and training.
- **What they see**: {_seen(coverage)}.
- **Hard negatives** in every trial: the same scenes with other paint, red objects, photographs turned red, harmless
  faces and figures, symbols of everything else.
- **NOT DETECTED** (always 0.0): {blind}.
- **No real injury, corpse or self-harm was ever shown to these weights**, neither in training nor in a test. How many
  real ones they would find is unknown. They exercise the whole way from stream to alert and find drawings of the kind
  below; they are no safety measure for real footage.
- `gore.prob` is the maximum of {_names(evaluation["parts"])}, on one scale of false alarms (below).
  `gore.type.animated` is `gore.prob` times the probability that the picture is a drawing.
- A probability is calibrated to our own pictures; positives are far more frequent there than on a stream."""


def _tuning(evaluation: Mapping[str, Any]) -> str:
    return "its last blocks tuned here on the training pictures" if evaluation.get("tuned") else "frozen"


def _seen(coverage: Mapping[str, LabelCoverage]) -> str:
    seen = [c.of for label, c in coverage.items() if label.startswith("gore.classes.") and c.status != "unsupported"]
    return "; ".join(of.split(";")[0] for of in seen)


def _names(parts: Sequence[str]) -> str:
    return ", ".join(f"`gore.classes.{part}`" for part in parts) or "nothing"


def _labels(coverage: Mapping[str, LabelCoverage]) -> str:
    lines = ["## Labels", "", "| label | status | of what | recommended threshold |", "|---|---|---|---|"]
    for label, c in coverage.items():
        lines.append(f"| `{label}` | {c.status} | {c.of} | {figure(c.enter) if c.enter is not None else '-'} |")
    return "\n".join(lines)


def _threshold(evaluation: Mapping[str, Any]) -> str:
    rule, motion = evaluation["threshold_rule"], evaluation["motion"]
    share = rule["rate"] / max(1, len(evaluation["parts"]))
    return f"""## Threshold and false incidents

The parts of `gore.prob` differ in how often they are wrong, so each is put on one scale first, from calibration
pictures alone: 0.5 is where a part raises {share:.2%} false alarms, and each further step of one in the logit
leaves about a third of them. The highest part on that scale is `gore.prob`.

The recommended `gore.prob` is {figure(evaluation["threshold"])}, by a rule that was written before the test was
looked at: the lowest hundredth, 0.5 at least, at which on calibration pictures ordinary kinds
({", ".join(rule["situations"])})
raise at most {rule["rate"]:.0%} false alarms each, kinds that were made to look like gore
({", ".join(rule["hard_situations"])})
at most {rule["hard_rate"]:.0%}, and no stream of pans an incident.

Held-out photographs as a live stream would show them:
{motion["streams"]} streams of {motion["minutes_per_stream"]:.0f} minutes ({motion["hours"]:.1f} hours,
{motion["frames"]} frames, one each {motion["seconds_apart"]:.0f} s, low bit rate), in which one of
{motion["photographs"]} photographs after the other stays in view for half a minute to two, in slow pans and zooms.
Through the daemon's own trigger and judge, "{motion["confirm"]}" frames:
{motion["alarms"]} of {motion["frames"]} frames over the threshold ({motion["rate"]:.2%}),
**{motion["incidents"]} incidents, from {motion["photographs_with_incidents"]} photographs:
{motion["per_100_hours"]:.0f} in 100 hours, with 95 % confidence at least {motion["per_100_hours_at_least"]:.0f}
and at most {motion["per_100_hours_at_most"]:.0f}** (aim: at most 1).
The figure is for streams that show something new every minute or so: a camera that looks at one place shows far fewer
pictures in an hour. And it is no better than its {motion["photographs"]} photographs: one of them that looks like gore
to the model raises an incident each time it comes round.{_by_threshold(evaluation)}"""


def _by_threshold(evaluation: Mapping[str, Any]) -> str:
    steps = evaluation.get("by_threshold", ())
    if not steps:
        return ""
    kinds = list(steps[0]["found"])
    lines = [
        "\n\nWhat another threshold would find of held-out pictures, and what it would raise in the same hours:\n",
        f"| `gore.prob` | incidents | frames over it | {' | '.join(kinds)} |",
        "|---" * (len(kinds) + 3) + "|",
    ]
    for step in steps:
        found = " | ".join(f"{step['found'][kind]:.0%}" for kind in kinds)
        lines.append(f"| {figure(step['threshold'])} | {step['incidents']} | {step['frames']:.2%} | {found} |")
    return "\n".join(lines)


def _trials(evaluation: Mapping[str, Any]) -> str:
    rule = evaluation["rule"]
    lines = [
        "## Held-out figures",
        "",
        f"""Artists, photographs and generators of the test were never trained on. Brackets are 90 %
intervals from drawing whole artworks again. Recall is at a threshold that flags 1 % of held-out plain photographs.
"Colour" is the AUC of a colour histogram alone. An aim is for the lower end of the AUC (and for the recall); with
fewer than {ENOUGH_ARTWORKS} positive artworks a figure is too unsure to say whether it is met.
A label is supported when each of its deciding trials has AUC of at least {figure(rule["auc"])} with a lower end of at
least {figure(rule["low"])}; the trials against plain photographs only, of emoji only and of whole small figures do not
decide. Drawings of our own share some code with those of the training: expect less of others.""",
        "",
        "| trial | AUC | colour | AP | recall | positives (artworks) | negatives (artworks) | aim |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_trial(t) for t in evaluation["trials"]]
    return "\n".join(lines)


def _trial(t: Mapping[str, Any]) -> str:
    cells = [
        f"{t['trial']}",
        _interval(t, "auc"),
        figure(t["baseline_auc"]),
        _interval(t, "ap"),
        _interval(t, "recall"),
        f"{t['positives']} ({t['positive_artworks']})",
        f"{t['negatives']} ({t['negative_artworks']})",
        _aim(t),
    ]
    return f"| {' | '.join(cells)} |"


def _aim(t: Mapping[str, Any]) -> str:
    if t.get("aim") is None:
        return "-"
    recall = t.get("aim_recall")
    aim = figure(t["aim"]) + (f", recall {figure(recall)}" if recall is not None else "")
    if t["positive_artworks"] < ENOUGH_ARTWORKS:
        return f"{aim}: too few artworks"
    met = t["auc_low"] >= t["aim"] and (recall is None or t["recall_low"] >= recall)
    return f"{aim}: {'met' if met else 'not met'}"


def _calibration(evaluation: Mapping[str, Any]) -> str:
    lines = [
        "## Precision, recall and calibration",
        "",
        "![precision over recall](precision-recall.png) ![reliability](reliability.png)",
        "",
        "| label | expected calibration error on held-out pictures |",
        "|---|---|",
    ]
    lines += [f"| {label} | {figure(found['ece'])} |" for label, found in evaluation["calibration"].items()]
    return "\n".join(lines)


def _interval(t: Mapping[str, Any], key: str) -> str:
    return f"{figure(t[key])} [{figure(t[key + '_low'])}, {figure(t[key + '_high'])}]"


def _alarms(evaluation: Mapping[str, Any]) -> str:
    lines = [
        "## `gore.prob` over the threshold, held-out pictures by kind",
        "",
        "| kind | over the threshold | pictures | over the threshold come from |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {a['rate']:.1%} | {a['pictures']} | {a['artworks']} artworks |"
        for name, a in evaluation["alarms"].items()
    ]
    return "\n".join(lines)


def _data(evaluation: Mapping[str, Any]) -> str:
    lines = ["## Data", "", "| split | pictures | artworks |", "|---|---|---|"]
    lines += [f"| {split} | {c['pictures']} | {c['artworks']} |" for split, c in evaluation["pictures"].items()]
    lines += ["", "| positives of | train pictures (artworks) | calibrate | test |", "|---|---|---|---|"]
    splits = [evaluation["pictures"][split]["positives"] for split in ("train", "calibrate", "test")]
    lines += [
        f"| {label} | " + " | ".join(f"{s[label]['pictures']} ({s[label]['artworks']})" for s in splits) + " |"
        for label in splits[0]
    ]
    lines += ["", "| source | licence | used to | pictures |", "|---|---|---|---|"]
    lines += [f"| {s['source']} | {s['licence']} | {s['split']} | {s['pictures']} |" for s in evaluation["sources"]]
    return "\n".join(lines)
