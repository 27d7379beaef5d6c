"""Where the configuration comes from, at start and on reload, and what holds when it is broken."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import view_weights
from streamwatch.errors import ConfigError, ConfigFault, StoreError, WeightsError
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.settings.credentials import SecretPlaces
from streamwatch.settings.load import Loaded, check_coverage, parse_settings, read_text
from streamwatch.store.alert_store import AlertStore

_LOOK_EVERY: Final = 2.0
"""Seconds between looks at the file when it is watched."""


class ConfigSource:
    """One configuration file. A broken one never replaces a good one; ``fault`` says what is wrong meanwhile."""

    def __init__(self, path: Path, environ: Mapping[str, str], log: FilteringBoundLogger) -> None:
        self._path = path
        self._environ = environ
        self._log = log
        self._good_text = ""
        self.fault: str | None = None

    def load(self) -> Loaded:
        """Read the file. Raises ConfigError for a fault outside the streams."""
        loaded = self._read()
        self.tell_broken(loaded)
        return loaded

    def from_kept(self, text: str) -> Loaded:
        """The last good configuration, for want of the file; ``refuse`` says why. Raises ConfigError when it fails."""
        places = SecretPlaces(self._environ, self._path.parent.absolute())
        loaded = self._against_weights(parse_settings(text, f"{self._path} (last good)", places, strict=False))
        self._good_text = text
        return loaded

    async def keep(self, store: AlertStore) -> None:
        """Keep the text that holds now as the last good one; a broken stream in it breaks that stream alone again."""
        if self.fault is None:
            try:
                await store.save_config(self._good_text)
            except StoreError as error:
                self._log.error("config.not_kept", reason=str(error))

    async def changes(self, wanted: asyncio.Event, *, watch: bool) -> AsyncIterator[Loaded | None]:
        """Each reload that is asked for: the new configuration, or None when it was refused."""
        stamp = self._stamp()
        while True:
            if watch:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wanted.wait(), _LOOK_EVERY)
                if not wanted.is_set() and self._stamp() == stamp:
                    continue
            else:
                await wanted.wait()
            wanted.clear()
            stamp = self._stamp()
            yield self._reload()

    def _read(self) -> Loaded:
        text = read_text(self._path)
        places = SecretPlaces(self._environ, self._path.parent.absolute())
        loaded = self._against_weights(parse_settings(text, str(self._path), places, strict=False))
        self._good_text = text
        return loaded

    def _reload(self) -> Loaded | None:
        try:
            loaded = self._read()
        except ConfigError as error:
            self.refuse(error)
            return None
        self.fault = None
        return loaded

    def _against_weights(self, loaded: Loaded) -> Loaded:
        try:
            weights = view_weights(read_manifest(find_weights(loaded.settings.inference.weights)))
        except WeightsError as error:
            fault = ConfigFault(loaded.file, "inference.weights", str(error), "Name weights that are there.")
            raise ConfigError([fault]) from error
        return check_coverage(
            loaded, weights.coverage, weights.defaults, weights.name, sha256=weights.sha256, strict=False
        )

    def tell_broken(self, loaded: Loaded) -> None:
        """Say which streams fail by what is wrong in their entries; of a reload only once it is obeyed."""
        for fault in loaded.faults:
            self._log.error(
                "config.stream_broken", stream=fault.stream, key=fault.key, problem=fault.problem, mend=fault.mend
            )

    def refuse(self, error: ConfigError) -> None:
        """Say that the file is not obeyed, and why."""
        self.fault = "; ".join(f"{fault.key}: {fault.problem}" for fault in error.faults)
        for fault in error.faults:
            self._log.error("config.refused", file=fault.file, key=fault.key, problem=fault.problem, mend=fault.mend)
        self._log.error("config.last_good_holds", faults=len(error.faults))

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)
