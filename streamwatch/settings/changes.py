"""What a reload has to do: the difference between two settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel

from streamwatch.settings.effective import stream_view
from streamwatch.settings.schema import Settings
from streamwatch.settings.table import Change, Table


@dataclass(frozen=True, slots=True)
class Changes:
    """Stream ids and keys by what has to be done about them."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    """Streams that must be read anew."""
    live: tuple[str, ...] = ()
    """Streams that go on being read under a new policy, title, context or suspension."""
    sections: tuple[str, ...] = ()
    """Tables besides the streams that change while the daemon runs: ``api``, ``log``, ``mqtt``, ``webhooks``, ..."""
    daemon: tuple[str, ...] = ()
    """Keys whose change waits for a restart of the daemon, as ``server.port``."""

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.restarted, self.live, self.sections, self.daemon))

    def words(self) -> list[str]:
        """One sentence for each kind of change, for the log and for a person."""
        said = [
            ("streams added", self.added),
            ("streams removed", self.removed),
            ("streams restarted", self.restarted),
            ("streams changed while they run", self.live),
            ("applied at once", self.sections),
            ("needs a restart of the daemon", self.daemon),
        ]
        return [f"{what}: {', '.join(names)}" for what, names in said if names]


def difference(old: Settings, new: Settings, defaults: Mapping[str, float] | None = None) -> Changes:
    """What leads from ``old`` to ``new``; ``defaults`` are the weights' thresholds (label -> enter)."""
    before, after = {entry.id for entry in old.streams}, {entry.id for entry in new.streams}
    both = [entry.id for entry in new.streams if entry.id in before]
    restarted = [stream for stream in both if _reading(old, stream) != _reading(new, stream)]
    live = [
        stream
        for stream in both
        if stream not in restarted and _policy(old, stream, defaults) != _policy(new, stream, defaults)
    ]
    changed = list(_changed_keys(old, new))
    return Changes(
        added=tuple(entry.id for entry in new.streams if entry.id not in before),
        removed=tuple(entry.id for entry in old.streams if entry.id not in after),
        restarted=tuple(restarted),
        live=tuple(live),
        sections=tuple(dict.fromkeys(key.partition(".")[0] for key, change in changed if change is Change.LIVE)),
        daemon=tuple(key for key, change in changed if change is Change.DAEMON),
    )


def _reading(settings: Settings, stream: str) -> object:
    """Everything that capture acts on; the weights' share and the workers' own limits wait for a daemon restart."""
    return replace(stream_view(settings, stream).plan(short_side=1, rendition_height=1), max_pixels=0)


def _policy(settings: Settings, stream: str, defaults: Mapping[str, float] | None) -> object:
    view = stream_view(settings, stream, defaults)
    return view.title, view.context, view.suspended, view.thresholds


def _changed_keys(old: Settings, new: Settings) -> Iterator[tuple[str, Change]]:
    for name, field in Settings.model_fields.items():
        before, after = getattr(old, name), getattr(new, name)
        if name == "streams" or before == after:
            continue
        if isinstance(before, Table):
            yield from _changed_in(name, before, after)
        else:
            yield name, next((mark for mark in field.metadata if isinstance(mark, Change)), Change.LIVE)


def _changed_in(name: str, before: BaseModel, after: BaseModel) -> Iterator[tuple[str, Change]]:
    for key, field in type(before).model_fields.items():
        if getattr(before, key) != getattr(after, key):
            yield f"{name}.{key}", next(mark for mark in field.metadata if isinstance(mark, Change))
