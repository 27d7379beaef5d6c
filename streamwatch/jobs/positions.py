"""Where the frames of a live job lie: one time line over all sessions and restarts; pure."""


class Positions:
    """Seconds since the job began.

    Within a session media time counts. Between two sessions, and over a restart, nobody looked: the time that went by
    on the clock is added instead. ``last`` is the position reached so far, ``at`` CLOCK_MONOTONIC seconds of that.
    """

    def __init__(self, last: float, at: float, *, begun: bool) -> None:
        """``begun``: there were frames before, in an earlier life."""
        self._last = last
        self._at = at
        self._begun = begun
        self._session: int | None = None
        self._base = 0.0

    def place(self, session: int, media_time: float, received: float) -> float:
        """Position of a frame; always behind the one before. ``received``: CLOCK_MONOTONIC seconds."""
        if session != self._session:
            self._session = session
            self._base = self.elapsed(received) - media_time if self._begun else 0.0
        position = self._base + media_time
        if self._begun:
            position = max(position, self._last + 0.001)
        self._begun = True
        self._last, self._at = position, max(self._at, received)
        return position

    def elapsed(self, now: float) -> float:
        """Seconds since the job began, frames or none."""
        return self._last + max(0.0, now - self._at)
