"""When a finished session is requested again, and as what the stream counts until then."""

import random
from dataclasses import dataclass
from typing import Final

from streamwatch.backoff import Backoff
from streamwatch.records.capture import Finished
from streamwatch.records.stream_state import StateName


@dataclass(frozen=True, slots=True)
class Retry:
    """State until the next session, and the seconds to it (None: never by itself)."""

    state: StateName
    delay: float | None


_QUICK: Final = Backoff(base=1.0, ceiling=30.0)
_PATIENT: Final = Backoff(base=5.0, ceiling=60.0, floor=2.0)
_UNAUTHORISED: Final = Backoff(base=5.0, ceiling=120.0, floor=2.0)
"""A refused token is not hammered: some origins ban clients that insist."""
_ENDED: Final = Backoff(base=10.0, ceiling=60.0, floor=5.0)
"""A broadcaster may come back under the same URL."""
_PATIENT_CODES: Final = frozenset({"unsupported_codec", "no_video", "encrypted", "forbidden_address", "not_media"})
"""What an origin rarely mends within seconds."""


def retry_after(finished: Finished, attempt: int, rng: random.Random) -> Retry:
    """What to do after ``finished``; ``attempt`` counts the failures in a row from 0."""
    if finished.code == "ended":
        return Retry("ended", _ENDED.delay(attempt, rng, at_least=finished.retry_after))
    if not finished.retryable:
        return Retry("failed", None)
    if finished.code == "unauthorised":
        return Retry("auth_failed", _UNAUTHORISED.delay(attempt, rng, at_least=finished.retry_after))
    if finished.code in _PATIENT_CODES:
        return Retry("failed", _PATIENT.delay(attempt, rng, at_least=finished.retry_after))
    return Retry("reconnecting", _QUICK.delay(attempt, rng, at_least=finished.retry_after))
