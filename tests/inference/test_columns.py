"""How heads become labels: parts of gore on one scale, types by a head of their own or by a share."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from streamwatch.errors import WeightsError
from streamwatch.inference.columns import Columns
from streamwatch.inference.manifest import LabelCoverage, Manifest, find_weights, read_manifest
from streamwatch.records.labels import LABELS


def manifest(*supported: str, parts: tuple[str, ...] = (), scale: tuple[tuple[float, float], ...] = ()) -> Manifest:
    labels = {label: LabelCoverage("proxy" if label in supported else "unsupported", "words") for label in LABELS}
    starter = read_manifest(find_weights("starter"))
    return replace(starter, labels=MappingProxyType(labels), gore_parts=parts, gore_scale=scale)


def row(columns: Columns, *heads: float) -> dict[str, float]:
    return dict(zip(LABELS, columns.labels(np.array([heads], np.float32))[0].tolist(), strict=True))


def test_gore_is_the_maximum_of_its_parts() -> None:
    parts = ("gore.classes.skull", "gore.classes.corpse")
    columns = Columns(manifest("gore.prob", *parts, parts=parts), ("skull", "corpse"))
    assert row(columns, 0.2, 0.7)["gore.prob"] == pytest.approx(0.7)
    assert row(columns, 0.9, 0.7)["gore.prob"] == pytest.approx(0.9)


def test_parts_are_put_on_one_scale_for_the_maximum_and_stay_themselves() -> None:
    parts = ("gore.classes.skull", "gore.classes.corpse")
    found = manifest("gore.prob", *parts, parts=parts, scale=((1.0, 0.0), (2.0, -3.0)))
    columns = Columns(found, ("skull", "corpse"))
    one = row(columns, 0.5, 0.7)
    corpse = 1 / (1 + np.exp(-(2 * np.log(0.7 / 0.3) - 3)))
    assert corpse < 0.5
    assert one["gore.prob"] == pytest.approx(0.5)
    assert one["gore.classes.corpse"] == pytest.approx(0.7)
    assert row(columns, 0.01, 0.7)["gore.prob"] == pytest.approx(corpse, abs=1e-5)


def test_gore_on_one_scale_never_falls_when_a_part_rises() -> None:
    parts = ("gore.classes.skull", "gore.classes.corpse")
    columns = Columns(manifest("gore.prob", *parts, parts=parts, scale=((0.3, 1.0), (5.0, -3.0))), ("skull", "corpse"))
    rising = [row(columns, 0.4, float(p))["gore.prob"] for p in np.linspace(0, 1, 40)]
    assert rising == sorted(rising)
    assert 0 < rising[0] < rising[-1] <= 1


def test_a_type_with_a_head_of_its_own_is_that_head() -> None:
    columns = Columns(manifest("gore.prob", "gore.type.fake"), ("gore.prob", "gore.type.fake"))
    assert row(columns, 0.9, 0.3)["gore.type.fake"] == pytest.approx(0.3)


def test_a_type_with_a_share_is_its_models_probability_times_it() -> None:
    labels = ("self-harm.prob", "self-harm.type.real", "self-harm.type.animated")
    columns = Columns(manifest(*labels), ("self_harm", "self-harm.type.real.share", "drawing"))
    one = row(columns, 0.8, 0.5, 0.25)
    assert one["self-harm.type.real"] == pytest.approx(0.4)
    assert one["self-harm.type.animated"] == pytest.approx(0.2)
    assert one["self-harm.type.fake"] == 0.0


@pytest.mark.parametrize(
    ("supported", "heads", "message"),
    [
        (("gore.classes.skull",), ("corpse",), "no head for 'skull'"),
        (("gore.type.real",), ("gore.type.real.share",), r"gore\.type\.real needs gore\.prob"),
        (("gore.prob", "gore.type.real"), ("gore.prob",), r"no head for 'gore\.type\.real\.share'"),
        (("gore.prob",), ("skull",), r"no head for 'gore\.prob'"),
    ],
)
def test_a_supported_label_without_a_head_is_named(
    supported: tuple[str, ...], heads: tuple[str, ...], message: str
) -> None:
    with pytest.raises(WeightsError, match=message):
        Columns(manifest(*supported), heads)
