"""What the [api] table allows jobs."""

from dataclasses import dataclass
from typing import Final

DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Times in seconds, sizes in bytes."""

    max_jobs: int = 16
    """Unfinished jobs of one client."""
    max_queued: int = 1000
    """Unfinished jobs of all."""
    default_duration: float = 1800.0
    """Media time that a job looks at unless it says otherwise."""
    max_duration: float = DAY
    """The most that it may say."""
    max_sync_duration: float = 60.0
    """Videos up to this long are answered at once."""
    max_video_size: int = 2 << 30
    """Of a video that is fetched."""
    give_up_after: float = 300.0
    """A live job without a frame for so long fails."""
    progress_every: float = 60.0
    """Between two callbacks that tell progress; 0: none."""
    keep_results: float = 7 * DAY
