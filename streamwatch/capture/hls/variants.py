"""Which rendition is taken: the smallest that suffices; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from streamwatch.capture.hls.master import Variant
from streamwatch.errors import SourceError

_FAMILIES = {"avc1": 0, "avc3": 0, "hvc1": 1, "hev1": 1}
_OTHER_VIDEO = ("av01", "vp09", "vp08", "vp9", "mp4v", "dvh1", "dvhe", "dva1", "dvav", "vvc1")


@dataclass(frozen=True, slots=True)
class Choice:
    """A rendition, and why it was taken, in words."""

    uri: str
    bandwidth: int
    """Bits per second, 0 when unknown."""
    width: int
    height: int
    iframes: bool
    reason: str
    of: int = 0
    """How many renditions there were to choose from."""


def lines_of(variant: Variant) -> int:
    """Pixels of the short side: what counts for pictures that stand upright too. 0 when unknown."""
    return min(variant.width, variant.height)


def choose(variants: Sequence[Variant], wanted_lines: int, *, iframes: bool) -> list[Choice]:
    """Renditions in the order in which they should be tried; raises SourceError ``no_video`` when all are sound only.

    ``iframes``: whether keyframe playlists may be used (the first choice, where one is large enough).
    """
    plain = [variant for variant in variants if not variant.iframes and _may_hold_video(variant)]
    if not plain:
        raise SourceError("no_video", "every rendition of the master playlist is sound only")
    total = sum(not variant.iframes for variant in variants)
    ordered = _ordered(plain, wanted_lines)
    choices = [_choice(variant, wanted_lines, total) for variant in ordered]
    if iframes:
        keyed = [v for v in variants if v.iframes and lines_of(v) >= wanted_lines and _rank(v) < 2]
        smaller = [
            v for v in keyed if lines_of(v) <= max(lines_of(ordered[0]), wanted_lines) or not lines_of(ordered[0])
        ]
        if smaller:
            best = min(smaller, key=lambda v: (lines_of(v), _rank(v), v.bandwidth))
            choices.insert(0, _choice(best, wanted_lines, total))
    return choices


def _ordered(variants: Sequence[Variant], wanted_lines: int) -> list[Variant]:
    def order(variant: Variant) -> tuple[int, int, int, int, int]:
        lines = lines_of(variant)
        strange = _rank(variant) >= 2
        if not lines:  # nothing known but the bandwidth: the smallest stream
            return (strange, 1, 0, _rank(variant), variant.bandwidth)
        if lines >= wanted_lines:
            return (strange, 0, lines, _rank(variant), variant.bandwidth)
        return (strange, 2, -lines, _rank(variant), variant.bandwidth)

    return sorted(variants, key=order)


def _choice(variant: Variant, wanted_lines: int, total: int) -> Choice:
    lines = lines_of(variant)
    if not lines:
        why = "the lowest bandwidth, since no rendition names its size"
    elif lines >= wanted_lines:
        why = f"the smallest of at least {wanted_lines} lines"
    else:
        why = f"the largest, none has {wanted_lines} lines"
    size = f"{variant.width}x{variant.height}, " if lines else ""
    kind = "keyframe playlist, " if variant.iframes else ""
    reason = f"{kind}{size}{why} of {total} renditions" if total > 1 else f"{kind}{size}the only rendition"
    return Choice(variant.uri, variant.bandwidth, variant.width, variant.height, variant.iframes, reason, total)


def _codecs(variant: Variant) -> list[str]:
    return [codec.strip().lower().split(".", 1)[0] for codec in variant.codecs.split(",") if codec.strip()]


def _may_hold_video(variant: Variant) -> bool:
    codecs = _codecs(variant)
    if not codecs or variant.height:
        return True
    return any(codec in _FAMILIES or codec in _OTHER_VIDEO for codec in codecs)


def _rank(variant: Variant) -> int:
    """0 and 1: codecs that are known to work (H.264 before HEVC, plain before HDR); 2 and more: others."""
    ranks = [_FAMILIES[codec] for codec in _codecs(variant) if codec in _FAMILIES]
    if not ranks and any(codec in _OTHER_VIDEO for codec in _codecs(variant)):
        return 2
    return 1 if variant.video_range in {"PQ", "HLG"} else min(ranks, default=0)
