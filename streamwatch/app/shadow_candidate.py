"""What is known of the shadow's candidate without loading it: its manifest, and whether its thresholds fit it."""

from dataclasses import dataclass
from pathlib import Path

from streamwatch.app.assembly import WeightsView, view_weights
from streamwatch.errors import ConfigFault, InferenceError, WeightsError
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.threshold import Threshold
from streamwatch.settings.checks import Sight
from streamwatch.settings.load import check_shadow
from streamwatch.settings.schema import ShadowTable
from streamwatch.settings.thresholds import Layer, ThresholdTable, resolve


@dataclass(frozen=True, slots=True)
class Candidate:
    """Fit to be loaded."""

    folder: Path
    view: WeightsView
    thresholds: tuple[Threshold, ...]


def find_candidate(table: ShadowTable, live: WeightsView, file: str) -> Candidate:
    """The candidate that [inference.shadow] of ``file`` names.

    Raises WeightsError when it cannot be found or read, InferenceError when its thresholds are not for it, or when it
    is ``live`` itself.
    """
    folder = find_weights(table.weights or "")
    view = view_weights(read_manifest(folder))
    if view.identity == live.identity:
        raise InferenceError("the candidate's weights are those that alert: there is nothing to compare")
    faults = check_shadow(table, _sight(view), file)
    if faults:
        raise InferenceError("; ".join(f"{fault.key}: {fault.problem}" for fault in faults))
    proposed = {label: ThresholdTable(enter=enter) for label, enter in view.defaults.items()}
    layers = [Layer(f"weights {view.name}", proposed), Layer("shadow", table.thresholds.by_label)]
    return Candidate(folder, view, tuple(one.threshold for one in resolve(layers)))


def shadow_faults(table: ShadowTable, file: str) -> list[ConfigFault]:
    """What ``config check`` says of the candidate; the daemon runs without it."""
    if table.weights is None:
        return []
    try:
        view = view_weights(read_manifest(find_weights(table.weights)))
    except WeightsError as error:
        mend = "Name weights that are there, or leave the shadow out."
        return [ConfigFault(file, "inference.shadow.weights", str(error), mend)]
    return check_shadow(table, _sight(view), file)


def _sight(view: WeightsView) -> Sight:
    return Sight(view.name, view.coverage, view.defaults, view.sha256)
