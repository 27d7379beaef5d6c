"""A pair as it is rendered: the same person, place, camera and film; only the intent differs."""

from collections.abc import Sequence

import numpy as np
import pytest

_WHY = "belongs to the extra `rendered`, 0.7 GB that only the drawing of pictures needs"
pytest.importorskip("anny", reason=f"anny {_WHY}")
pytest.importorskip("mitsuba", reason=f"mitsuba {_WHY}")

# ruff: noqa: E402  (what follows imports both)
from training.rendered.body import load_body
from training.rendered.pairs import Production, Shown
from training.rendered.places import Backdrops
from training.rendered.series import Kind, kind_of
from training.rendered.stage import start_renderer
from training.rendered.template import Template


@pytest.fixture(scope="module")
def production() -> Production:
    start_renderer()
    nothing = Backdrops([], [])
    return Production(Template(load_body()), {"train": nothing, "calibrate": nothing, "test": nothing})


def first(kind: Kind) -> int:
    return next(pair for pair in range(100) if kind_of(pair) == kind)


@pytest.mark.parametrize("kind", ["gun", "blade", "injury"])
def test_twins_share_all_but_the_intent(production: Production, kind: Kind) -> None:
    shown: Sequence[Shown] = list(production.pair(first(kind)))
    positive, twin = (s.facts for s in shown)
    for shared in ("pair", "kind", "split", "body", "place", "backgrounds", "shot", "film", "size", "samples"):
        assert positive[shared] == twin[shared]
    assert any(positive["labels"].values())
    assert positive["labels"] != twin["labels"]
    pictures = [s.picture.astype(float) for s in shown]
    assert pictures[0].shape == pictures[1].shape
    # most of the picture is the same room and person
    assert np.median(np.abs(pictures[0] - pictures[1])) < 12


def test_a_number_always_gives_the_same_pair(production: Production) -> None:
    pair = first("unconscious")
    once, again = ([s.facts for s in production.pair(pair)] for _ in range(2))
    assert once == again
    assert [facts["labels"]["unconscious"] for facts in once] == [1, 0]
