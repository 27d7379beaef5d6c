"""The streams of the configuration and those of the API as one set of settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from streamwatch.app.assembly import WeightsView
from streamwatch.app.entries import check_url, read_entry
from streamwatch.errors import RequestError
from streamwatch.settings.load import Loaded, check_coverage
from streamwatch.settings.schema import Settings
from streamwatch.settings.streams import StreamTable
from streamwatch.store.desired import ApiStream


@dataclass(frozen=True)
class Union:
    """Everything that is to be watched."""

    settings: Settings
    """Those of the file, with the streams of both."""
    broken: Mapping[str, str]
    """Stream -> why it cannot be watched as written."""
    clashes: tuple[str, ...]
    """Ids of entries of the file that give way to a stream of the API."""

    def has(self, stream: str) -> bool:
        """Whether the stream is wanted, broken or not."""
        return stream in self.broken or stream in self._entries

    def entry(self, stream: str) -> StreamTable | None:
        """The stream's entry; None when it is broken or not wanted."""
        return self._entries.get(stream)

    @cached_property
    def _entries(self) -> Mapping[str, StreamTable]:
        return {entry.id: entry for entry in self.settings.streams}

    def rests(self, stream: str) -> bool:
        """Whether the configuration wants the stream suspended."""
        entry = self.entry(stream)
        return entry is not None and entry.suspended

    def with_entry(self, entry: StreamTable) -> "Union":
        """The same with this entry in place of an earlier one of its id."""
        without = self.without(entry.id)
        streams = (*without.settings.streams, entry)
        return replace(without, settings=without.settings.model_copy(update={"streams": streams}))

    def with_broken(self, stream: str, reason: str) -> "Union":
        """The same with a stream that cannot be watched."""
        without = self.without(stream)
        return replace(without, broken={**without.broken, stream: reason})

    def without(self, stream: str) -> "Union":
        """The same without a stream."""
        streams = tuple(entry for entry in self.settings.streams if entry.id != stream)
        return Union(
            settings=self.settings.model_copy(update={"streams": streams}),
            broken={one: reason for one, reason in self.broken.items() if one != stream},
            clashes=tuple(one for one in self.clashes if one != stream),
        )


def unite(loaded: Loaded, api: Mapping[str, ApiStream], weights: WeightsView) -> Union:
    """Both together. An entry of the file whose id a stream of the API has gives way; one of the API that does not fit
    the settings any more is broken, by itself."""
    broken = {one.id: one.reason for one in loaded.broken if one.id not in api}
    written = [entry for entry in loaded.settings.streams if entry.id not in api]
    ids = (*(entry.id for entry in loaded.settings.streams), *(one.id for one in loaded.broken))
    came: list[StreamTable] = []
    for stream in api.values():
        try:
            came.append(_read(stream, loaded.settings))
        except RequestError as error:
            broken[stream.id] = str(error)
    alone = Loaded("the API", loaded.settings.model_copy(update={"streams": tuple(came)}))
    checked = check_coverage(
        alone, weights.coverage, weights.defaults, weights.name, sha256=weights.sha256, strict=False
    )
    broken |= {one.id: one.reason for one in checked.broken}
    settings = loaded.settings.model_copy(update={"streams": (*written, *checked.settings.streams)})
    return Union(settings, broken, tuple(one for one in ids if one in api))


def _read(stream: ApiStream, settings: Settings) -> StreamTable:
    if not stream.entry:
        raise RequestError("argument_error", "what was written down of it cannot be read")
    entry = read_entry(stream.entry)
    check_url(entry.url.reveal(), settings.network.allow, ())
    return entry
