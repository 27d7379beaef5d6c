"""The callbacks of jobs: thousands come and go, and a courier is at work only while one of them is owed something."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from streamwatch.delivery.courier import Courier, CourierRules
from streamwatch.delivery.lines import AT_ONCE, GuardedLines
from streamwatch.delivery.options import WebhookOptions
from streamwatch.delivery.outfit import Outfit
from streamwatch.delivery.webhook import WebhookTransport
from streamwatch.records.alert import Sink


@dataclass(slots=True)
class _Callback:
    options: WebhookOptions
    news: bool = True
    """Something may be owed; true at first, since an earlier life may have left rows behind."""
    closing: bool = False
    courier: Courier | None = None
    transport: WebhookTransport | None = None
    task: "asyncio.Task[None] | None" = None


class Callbacks:
    """Open callbacks. Whoever enqueues rows calls :meth:`wake`: nobody looks at the outbox for an idle one."""

    def __init__(self, outfit: Outfit, *, at_once: int = AT_ONCE) -> None:
        self._outfit = outfit
        self._lines = GuardedLines(at_once=at_once)
        self._open: dict[Sink, _Callback] = {}
        self._of_stream: dict[str, dict[Sink, None]] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def sinks(self) -> Collection[Sink]:
        """Those that are open, or still owed something."""
        return self._open.keys()

    def wanting(self, stream: str, labels: Collection[str]) -> list[Sink]:
        """Those that want an alert of the stream whose incident has these labels."""
        sinks = self._of_stream.get(stream, ())
        return [sink for sink in sinks if self._open[sink].options.wants.wants(stream, labels)]

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with self._lines:
            try:
                async with asyncio.TaskGroup() as group:
                    self._group = group
                    self.wake(list(self._open))
                    await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    def open(self, options: WebhookOptions) -> None:
        """Deliver to it from now on; one that is open follows changed options, one that is closing is open again.

        Raises ValueError when it is no callback, or may reach something that is no network.
        """
        if options.kind != "callback":
            raise ValueError(f"{options.sink} is no callback")
        callback = self._open.get(options.sink)
        if callback is None:
            self._lines.line(options)  # refuses what is no network
            callback = self._open[options.sink] = _Callback(options)
            self._start(callback)
        callback.closing = False
        self._change(callback, options)

    def follow(self, change: Callable[[WebhookOptions], WebhookOptions]) -> None:
        """Change the options of all that are open, also of those that are closing. Raises ValueError as ``open``."""
        for callback in self._open.values():
            self._change(callback, change(callback.options))

    def busy(self, sink: Sink) -> bool:
        """It is being delivered to, or waits for its receiver: not everything that it is owed was taken yet."""
        callback = self._open.get(sink)
        return callback is not None and callback.task is not None

    def close(self, sink: Sink) -> None:
        """Nothing new will be owed: it goes once the last row is settled. A callback that is not open stays so."""
        callback = self._open.get(sink)
        if callback is not None:
            callback.closing = True
            self.wake([sink])

    def wake(self, sinks: Sequence[Sink]) -> None:
        """There may be new rows for these."""
        for sink in sinks:
            callback = self._open.get(sink)
            if callback is None:
                continue
            callback.news = True
            if callback.courier is not None:
                callback.courier.wake()
            else:
                self._start(callback)

    async def flush(self) -> None:
        """One attempt for what is owed, all callbacks at the same time."""
        await asyncio.sleep(0)  # couriers that were called a moment ago come to work
        couriers = [callback.courier for callback in self._open.values() if callback.courier is not None]
        await asyncio.gather(*(courier.flush() for courier in couriers))

    def _change(self, callback: _Callback, options: WebhookOptions) -> None:
        line = self._lines.line(options)
        self._forget_streams(callback)
        callback.options = options
        if callback.transport is not None:
            callback.transport.follow(options, line)
        for stream in options.wants.streams:
            self._of_stream.setdefault(stream, {})[options.sink] = None

    def _start(self, callback: _Callback) -> None:
        if self._group is not None and (callback.task is None or callback.task.done()):
            callback.task = self._group.create_task(self._work(callback), name=f"courier {callback.options.sink}")

    async def _work(self, callback: _Callback) -> None:
        """Deliver until nothing is owed; then the courier goes, and so does a callback that was closed."""
        options = callback.options
        callback.transport = transport = self._outfit.webhook(options, self._lines.line(options))
        # One at a time: its rows then mostly arrive in order, and a socket each is what thousands may take.
        rules = CourierRules(1, options.max_age, options.retry)
        callback.courier = courier = self._outfit.courier(options.sink, transport, rules)
        try:
            while callback.news:
                callback.news = False
                await courier.run(until_idle=True)
        finally:
            callback.courier = callback.transport = callback.task = None
        if callback.closing:
            del self._open[options.sink]
            self._forget_streams(callback)
            self._outfit.ledger.forget(options.sink)

    def _forget_streams(self, callback: _Callback) -> None:
        for stream in callback.options.wants.streams:
            sinks = self._of_stream.get(stream, {})
            sinks.pop(callback.options.sink, None)
            if not sinks:
                self._of_stream.pop(stream, None)
