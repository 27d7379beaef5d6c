"""Checks that look across tables, or at the weights."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from streamwatch.errors import ConfigFault
from streamwatch.records.labels import Coverage
from streamwatch.settings.schema import Settings
from streamwatch.settings.table import is_loopback
from streamwatch.settings.thresholds import ThresholdsTable, ThresholdTable, fits


def twice_named_webhooks(settings: Settings, file: str) -> list[ConfigFault]:
    """A sink's name is its identity: two of one name would share an outbox."""
    names = Counter(webhook.name for webhook in settings.webhooks)
    return [
        ConfigFault(
            file,
            f"webhooks[{number}].name",
            f"{webhook.name!r} is used by another webhook too",
            "Give each its own name.",
        )
        for number, webhook in enumerate(settings.webhooks)
        if names[webhook.name] > 1
    ]


def twice_named_clients(settings: Settings, file: str) -> list[ConfigFault]:
    """A client's user is its identity: two of one name would share their jobs."""
    users = Counter(client.user for client in settings.api.clients)
    return [
        ConfigFault(
            file,
            f"api.clients[{number}].user",
            f"{client.user!r} is used by another client too",
            "Give each its own user.",
        )
        for number, client in enumerate(settings.api.clients)
        if users[client.user] > 1
    ]


def open_doors(settings: Settings, file: str) -> list[ConfigFault]:
    """Listeners that other machines reach, although they ask nobody for credentials and nobody meant it."""
    server, metrics = settings.server, settings.metrics.listen
    if server.allow_public:
        return []
    public = not is_loopback(server.host)
    found: list[tuple[str, str, str]] = []
    if public and not settings.api.clients:
        found.append(
            (
                "server.host",
                f"{server.host} can be reached by other machines, and there is no client to ask for credentials",
                "Add one (streamwatch api-client add NAME), listen on 127.0.0.1, or set server.allow_public = true.",
            )
        )
    elif public and metrics is None:
        found.append(
            (
                "metrics.listen",
                f"is missing: /metrics would be served on {server.host}, where nobody is asked for credentials",
                'Write listen = "127.0.0.1:9480" under [metrics], or set server.allow_public = true.',
            )
        )
    if metrics is not None and not is_loopback(metrics.host):
        found.append(
            (
                "metrics.listen",
                f"{metrics.host} can be reached by other machines, and nobody is asked for credentials",
                "Listen on 127.0.0.1 behind a proxy that asks for credentials, or set server.allow_public = true.",
            )
        )
    return [ConfigFault(file, key, problem, mend) for key, problem, mend in found]


def exits_above_proposed_enters(
    table: ThresholdsTable, file: str, key: str, defaults: Mapping[str, float]
) -> list[ConfigFault]:
    """An ``exit`` in [thresholds], which stands at ``key``, above the ``enter`` that the weights propose."""
    return [
        ConfigFault(
            file,
            f'{key}."{label}"',
            f"exit ({written.exit}) is above the enter ({defaults[label]}) that the weights propose",
            "Write enter beside it, or a smaller exit.",
        )
        for label, written in table.by_label.items()
        if written.enter is None and written.exit is not None and written.exit > defaults.get(label, 1.0)
    ]


def inherited_exits(settings: Settings, file: str, defaults: Mapping[str, float]) -> list[ConfigFault]:
    """A stream's ``exit`` above the ``enter`` that it inherits from [thresholds] or from the weights' ``defaults``."""
    return [
        ConfigFault(
            file,
            f'streams.{entry.id}.thresholds."{label}"',
            f"exit ({written.exit}) is above the enter ({enter}) that it inherits",
            "Write enter beside it, or a smaller exit.",
            entry.id,
        )
        for entry in settings.streams
        for label, written in entry.thresholds.items()
        if written.enter is None
        and written.exit is not None
        and (enter := _enter(settings.thresholds.by_label.get(label), defaults.get(label))) is not None
        and written.exit > enter
    ]


def _enter(written: ThresholdTable | None, default: float | None) -> float | None:
    return written.enter if written is not None and written.enter is not None else default


@dataclass(frozen=True, slots=True)
class Sight:
    """What the weights can see."""

    weights: str
    coverage: Mapping[str, Coverage]
    defaults: Mapping[str, float]
    """Label -> enter, as the weights' manifest proposes."""
    sha256: str = ""

    def of_others(self, table: ThresholdsTable, file: str, key: str, where: str) -> list[ConfigFault]:
        """Thresholds that were chosen for other weights than those that the configuration names at ``where``."""
        if table.weights is None or fits(table.weights, self.weights, self.sha256):
            return []
        these = f"{self.weights}@{self.sha256[:12]}"
        return [
            ConfigFault(
                file,
                f"{key}.weights",
                f"these thresholds are chosen for {table.weights!r}, and {where} says {these!r}",
                f'Name those weights under {where}, or write thresholds chosen for these and weights = "{these}".',
            )
        ]

    def faults(
        self,
        thresholds: Mapping[str, ThresholdTable],
        inherited: Mapping[str, ThresholdTable],
        file: str,
        prefix: str,
        stream: str | None,
    ) -> list[ConfigFault]:
        """Thresholds that could never open an incident: on labels not detected, or without any ``enter``."""
        found: list[ConfigFault] = []
        for label, written in thresholds.items():
            if not written.enabled:
                continue
            key = f'{prefix}."{label}"'
            if self.coverage.get(label, "unsupported") == "unsupported":
                problem = f"the weights {self.weights!r} do not detect {label}"
                found.append(
                    ConfigFault(file, key, problem, f"Remove it, or choose other weights. {self._words()}", stream)
                )
            elif written.enter is None and _enter(inherited.get(label), self.defaults.get(label)) is None:
                problem = f"has no enter, and the weights {self.weights!r} propose none"
                found.append(ConfigFault(file, key, problem, "Write enter, above 0 to 1.", stream))
        return found

    def _words(self) -> str:
        seen = [label for label, status in self.coverage.items() if status != "unsupported"]
        return f"They detect {', '.join(seen) or 'nothing'}."
