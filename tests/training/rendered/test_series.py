"""The series of pairs: balanced from the start, and a test that shows what training never did."""

from collections import Counter

from training.rendered.series import BODIES, CODECS, CURVES, GUNS, KNIVES, kind_of, split_of


def test_any_prefix_holds_every_kind_and_split_in_its_share() -> None:
    for pairs in (200, 1000):
        kinds = Counter(kind_of(pair) for pair in range(pairs))
        splits = Counter(split_of(pair) for pair in range(pairs))
        assert {kind: count / pairs for kind, count in kinds.items()} == {
            "gun": 0.3, "blade": 0.2, "unconscious": 0.3, "injury": 0.2,
        }  # fmt: skip
        assert {split: count / pairs for split, count in splits.items()} == {
            "train": 0.65, "calibrate": 0.1, "test": 0.25,
        }  # fmt: skip


def test_kinds_do_not_go_with_splits() -> None:
    both = Counter((kind_of(pair), split_of(pair)) for pair in range(2000))
    for (kind, split), count in both.items():
        share = {"gun": 0.3, "blade": 0.2, "unconscious": 0.3, "injury": 0.2}[kind]
        whole = {"train": 0.65, "calibrate": 0.1, "test": 0.25}[split]
        assert 0.6 < count / (2000 * share * whole) < 1.5


def test_no_body_stands_in_two_splits() -> None:
    people = {split: set(range(*span)) for split, span in BODIES.items()}
    assert not people["train"] & people["calibrate"]
    assert not people["train"] & people["test"]
    assert not people["calibrate"] & people["test"]


def test_the_test_shows_weapons_codecs_and_tones_that_training_lacks() -> None:
    assert set(GUNS["test"]) - set(GUNS["train"]) == {"revolver"}
    assert set(KNIVES["test"]) - set(KNIVES["train"]) == {"hunting_knife", "straight_razor", "scissors"}
    assert set(CODECS["test"]) - set(CODECS["train"]) == {"libvpx", "libx265"}
    assert set(CURVES["test"]) - set(CURVES["train"]) == {"filmic"}
    # what decides thresholds must not be what the test measures either
    assert not (set(KNIVES["test"]) - set(KNIVES["train"])) & set(KNIVES["calibrate"])
