"""Looks at a stream's playlists without reading its media: for a person who wants to know what is there."""

from dataclasses import dataclass

from streamwatch.capture.hls.feed import load_playlist, media_playlist
from streamwatch.capture.hls.master import Variant, is_master, parse_master
from streamwatch.capture.hls.playlist import MediaPlaylist
from streamwatch.capture.hls.variants import choose
from streamwatch.network.session import GuardedSession
from streamwatch.records.capture import CapturePlan


@dataclass(frozen=True, slots=True)
class PlaylistFacts:
    """One rendition's media playlist. Times in seconds."""

    segments: int
    segment_seconds: float
    target_duration: float
    live: bool
    container: str
    """``fmp4`` when segments have an init section, else ``mpegts``."""
    encryption: str
    """The method of the newest key, or ``none``."""
    byte_ranges: bool
    program_date_time: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """What the playlists say."""

    variants: tuple[Variant, ...]
    """Empty when the URL is a media playlist itself."""
    chosen: str
    """Why which rendition would be taken, in words."""
    playlist: PlaylistFacts


async def survey(http: GuardedSession, plan: CapturePlan) -> Survey:
    """Read the master and the chosen rendition's playlist. Raises SourceError."""
    loaded = await load_playlist(http, plan.url, plan)
    variants: tuple[Variant, ...] = ()
    reason = "the only rendition"
    if is_master(loaded.text):
        variants = tuple(parse_master(loaded.text, loaded.url))
        choice = choose(variants, plan.rendition_height, iframes=plan.sampling != "full")[0]
        reason = choice.reason
        loaded = await load_playlist(http, choice.uri, plan)
    return Survey(variants, reason, _facts(media_playlist(loaded)))


def _facts(playlist: MediaPlaylist) -> PlaylistFacts:
    newest = playlist.window(playlist.last_sequence, 1)
    segment = newest[-1] if newest else None
    return PlaylistFacts(
        segments=playlist.count,
        segment_seconds=playlist.usual_duration(),
        target_duration=playlist.target_duration,
        live=not playlist.ended,
        container="fmp4" if segment is not None and segment.init is not None else "mpegts",
        encryption=segment.key.method if segment is not None and segment.key is not None else "none",
        byte_ranges=segment is not None and segment.byte_range is not None,
        program_date_time=segment is not None and segment.program_date_time is not None,
    )
