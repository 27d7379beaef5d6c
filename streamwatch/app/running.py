"""``run`` and ``demo``: from the command line's words to an exit status."""

import asyncio
import re
import signal
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.app.config_source import ConfigSource
from streamwatch.app.daemon import Daemon
from streamwatch.errors import ConfigError, ConfigFault, StreamwatchError, WeightsError
from streamwatch.settings.effective import known_secrets
from streamwatch.settings.load import Loaded
from streamwatch.settings.schema import StoreTable
from streamwatch.store.alert_store import AlertStore
from streamwatch.telemetry.heartbeat import Notifier
from streamwatch.telemetry.logs import Logs, configure, report_unhandled

_STORE_TABLE: Final = re.compile(r"^\s*\[store\]([^\[]*)", re.MULTILINE)
_STORE_PATH: Final = re.compile(r"""^\s*path\s*=\s*["']([^"'\n]+)["']""", re.MULTILINE)
EXIT_CONFIG = 2
EXIT_FAILED = 1


async def run_daemon(path: Path, environ: Mapping[str, str]) -> int:
    """Run the daemon on a configuration file until SIGTERM or SIGINT; the exit status."""
    logs = configure()
    report_unhandled(logs.logger)
    source = ConfigSource(path, environ, logs.logger)
    try:
        loaded, store = await _begin(source, path, logs)
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return EXIT_CONFIG
    except StreamwatchError as error:
        logs.logger.critical("daemon.cannot_start", reason=str(error), hint=error.hint)
        return EXIT_FAILED
    try:
        while True:
            daemon = Daemon(source, loaded, store, logs=logs, notifier=Notifier(environ))
            _obey_signals(daemon, logs.logger)
            try:
                return await _outcome(daemon, logs.logger)
            except WeightsError as error:
                other = None if daemon.stop_wanted else await _other_weights(source, loaded, store, error)
                if other is None:
                    logs.logger.critical("daemon.cannot_start", reason=str(error), hint=error.hint)
                    return EXIT_FAILED
                loaded = _speaking(logs, other)
    finally:
        await store.close()


async def _begin(source: ConfigSource, path: Path, logs: Logs) -> tuple[Loaded, AlertStore]:
    """The configuration with its store; a broken file gives way to the last good one in the store."""
    try:
        loaded = source.load()
    except ConfigError as fault:
        folder = _store_folder(path)
        if not (folder / "alerts.db").exists():
            raise
        store = await AlertStore.open(folder, log=logs.logger)
        kept = await store.last_config()
        if kept is None:
            await store.close()
            raise
        loaded = source.from_kept(kept[0])
        source.refuse(fault)
    else:
        store = await AlertStore.open(loaded.settings.store.path, log=logs.logger)
    return _speaking(logs, loaded), store


async def _other_weights(source: ConfigSource, tried: Loaded, store: AlertStore, error: WeightsError) -> Loaded | None:
    """The last good configuration, when weights do not load and it names others: being blind meanwhile is worse."""
    kept = await store.last_config() if source.fault is None else None
    if kept is None:
        return None
    try:
        loaded = source.from_kept(kept[0])
    except ConfigError:
        return None
    if loaded.settings.inference.weights == tried.settings.inference.weights:
        return None
    mend = "Restore them, or name weights that load."
    source.refuse(ConfigError([ConfigFault(tried.file, "inference.weights", str(error), mend)]))
    return loaded


def _speaking(logs: Logs, loaded: Loaded) -> Loaded:
    """The same, once the log keeps its secrets."""
    log = loaded.settings.log
    logs.configure(log.format, log.level, known_secrets(loaded.settings))
    return loaded


def _store_folder(path: Path) -> Path:
    """Where a broken configuration would have kept its store: its own word if that much can be read."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        text = ""
    try:
        written = tomllib.loads(text).get("store", {}).get("path")
    except (tomllib.TOMLDecodeError, AttributeError):
        table = _STORE_TABLE.search(text)
        found = _STORE_PATH.search(table[1]) if table else None
        written = found[1] if found else None
    default: Path = StoreTable().path
    return path.parent.absolute() / written if isinstance(written, str) else default


def _obey_signals(daemon: Daemon, log: FilteringBoundLogger) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, daemon.stop)
    loop.add_signal_handler(signal.SIGINT, daemon.stop)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)

    def report(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        log.error("loop.error", message=str(context.get("message")), exc_info=error)

    loop.set_exception_handler(report)


async def _outcome(daemon: Daemon, log: FilteringBoundLogger) -> int:
    """Run to the end; what an organ died of goes to the log, and the status says that it died.

    Raises WeightsError when its weights do not load.
    """
    try:
        return await daemon.run()
    except ConfigError as error:
        for fault in error.faults:
            log.critical("config.refused", file=fault.file, key=fault.key, problem=fault.problem, mend=fault.mend)
        return EXIT_CONFIG
    except WeightsError:
        raise
    except StreamwatchError as error:
        log.critical("daemon.cannot_start", reason=str(error), hint=error.hint)
        return EXIT_FAILED
    except BaseExceptionGroup as group:
        log.critical("daemon.organ_failed", exc_info=group)
        return EXIT_FAILED
