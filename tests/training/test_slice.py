"""The shipped heads still reach, on a committed slice of licensed drawings, what they reached when they were made."""

from pathlib import Path

import pytest
import torch

from streamwatch.inference.encoders.efficientnet_lite0 import spec_of
from streamwatch.inference.encoders.loading import load_encoder
from streamwatch.inference.heads import Heads, load_trained_heads
from streamwatch.inference.manifest import check_file, find_weights, read_manifest
from streamwatch.learning.rows import read_rows
from training.sample import FOLDER, MEASURED, measure_slice, read_figures

TOLERANCE = 0.005
"""Other versions of the picture decoder and of torch round differently; a lost head loses far more."""


@pytest.fixture(scope="module")
def shipped() -> Heads:
    return load_trained_heads(check_file(read_manifest(find_weights("starter")).heads), spec_of(224))


def test_no_figure_of_the_shipped_heads_has_dropped(shipped: Heads) -> None:
    measured = measure_slice(shipped, load_encoder(read_manifest(find_weights("starter"))).fold())
    reached = read_figures()
    assert set(reached) == set(MEASURED) == set(measured)
    for label, figure in reached.items():
        assert measured[label] >= figure - TOLERANCE, f"{label} fell from {figure} to {measured[label]}"


def test_heads_that_learnt_nothing_are_found_out(shipped: Heads) -> None:
    torch.manual_seed(0)
    blank = Heads(shipped.labels, shipped.spec).eval()
    measured = measure_slice(blank, load_encoder(read_manifest(find_weights("starter"))).fold())
    reached = read_figures()
    assert all(measured[label] < reached[label] - 0.1 for label in MEASURED)


def test_the_slice_is_small_held_out_and_may_be_passed_on() -> None:
    assert sum(file.stat().st_size for file in Path(FOLDER).iterdir()) < 1_200_000
    rows = read_rows(FOLDER / "rows.jsonl")
    assert {row.split for row in rows} == {"test"}
    sources = (FOLDER / "SOURCES.md").read_text()
    for row in rows:
        assert f"| {row.source} | {row.licence} |" in sources
        assert "GPL" not in row.licence
        assert "SA" not in row.licence
