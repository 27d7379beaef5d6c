"""The series of one instrument by their owner, so that those of one owner go without a look at all the others."""

from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

M = TypeVar("M", Counter, Gauge, Histogram)


class OwnedSeries(Generic[M]):
    """An instrument whose first label names the owner, a stream or a sink. Every series is made by ``labels`` here.

    The client library finds the series of one label value only by going through all of them under its lock, which
    costs milliseconds for each instrument of a thousand streams.
    """

    def __init__(self, instrument: M) -> None:
        self._instrument: M = instrument
        self._series: dict[str, dict[tuple[str, ...], M]] = {}

    def labels(self, owner: str, *values: str) -> M:
        """The owner's series with these further label values; made when it is new."""
        of_owner = self._series.setdefault(owner, {})
        series = of_owner.get(values)
        if series is None:
            series = of_owner[values] = self._instrument.labels(owner, *values)
        return series

    def remove(self, owner: str) -> None:
        """Drop every series of the owner, whatever its further label values are."""
        for values in self._series.pop(owner, {}):
            self._instrument.remove(owner, *values)
