"""Turns what the operator wrote into what each room asks for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from streamwatch.capture.pool import PoolOptions
from streamwatch.delivery.options import AlertFilter, MqttOptions, SinkOptions, WebhookOptions
from streamwatch.inference.engines.base import EngineOptions
from streamwatch.inference.manifest import Manifest
from streamwatch.inference.worker import InferenceOptions
from streamwatch.records.capture import Origin
from streamwatch.records.labels import LABELS_OF, MODELS, Coverage
from streamwatch.second_opinion.options import EndpointOptions, OpinionOptions
from streamwatch.settings.effective import stream_view
from streamwatch.settings.questions import default_questions
from streamwatch.settings.schema import Settings
from streamwatch.settings.streams import StreamTable
from streamwatch.streams.definition import StreamDefinition
from streamwatch.telemetry.redaction import redact_url

_ENOUGH_LINES: Final = 16
"""A rendition of this many lines fewer than the weights' input is still taken: 216 lines for 224 pixels."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How many cores each side gets."""

    capture: int
    inference: int


def share_cores(settings: Settings, cores: int, *, gpu: bool) -> Shares:
    """Halves on a CPU-only machine; with a GPU, capture gets all but one. What is configured holds."""
    capture = settings.capture.workers or max(1, cores - 1 if gpu else cores // 2)
    return Shares(capture, settings.inference.threads or max(1, cores - capture))


def usable_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0))


@dataclass(slots=True)
class WeightsView:
    """What the configuration must know of the weights; read from the manifest, without loading them.

    All desks share one object, that of the weights that score: ``become`` is called when others take over.
    """

    name: str
    short_side: int
    coverage: Mapping[str, Coverage]
    defaults: Mapping[str, float]
    """Label -> proposed ``enter``."""
    sha256: str = ""
    """Of the manifest's canonical content."""

    @property
    def identity(self) -> str:
        """``name@sha256``, as scores, incidents and alerts carry it."""
        return f"{self.name}@{self.sha256}"

    def become(self, other: "WeightsView") -> None:
        """Say what ``other`` says from now on."""
        self.name, self.sha256, self.short_side = other.name, other.sha256, other.short_side
        self.coverage, self.defaults = other.coverage, other.defaults

    @property
    def unsupported(self) -> list[str]:
        """The labels of both models that these weights cannot see."""
        return [label for labels in self.not_detected.values() for label in labels]

    @property
    def not_detected(self) -> dict[str, list[str]]:
        """Model -> its labels that these weights cannot see."""
        return {
            model: [label for label in LABELS_OF[model] if self.coverage[label] == "unsupported"] for model in MODELS
        }

    @property
    def rendition_height(self) -> int:
        """Lines of the smallest rendition that suffices."""
        return self.short_side - _ENOUGH_LINES


def view_weights(manifest: Manifest) -> WeightsView:
    """The manifest as the configuration sees it."""
    return WeightsView(
        manifest.name,
        manifest.input_size,
        {label: one.status for label, one in manifest.labels.items()},
        {label: one.enter for label, one in manifest.labels.items() if one.enter is not None},
        manifest.sha256,
    )


def pool_options(settings: Settings, shares: Shares) -> PoolOptions:
    """[capture] -> the capture pool."""
    table = settings.capture
    budget = table.full_decode_budget
    return PoolOptions(
        workers=shares.capture,
        decoder_threads=table.decoder_threads,
        memory_limit=table.memory_limit,
        heartbeat_timeout=table.heartbeat_timeout,
        decode_timeout=table.decode_timeout,
        max_streams_per_worker=table.max_streams_per_worker,
        full_decode_budget=shares.capture / 2 if budget is None else budget,
        max_pixels=table.max_pixels,
    )


def engine_options(settings: Settings) -> EngineOptions:
    """[inference] -> the choice of engines."""
    return EngineOptions(settings.inference.engine, settings.inference.precision)


def inference_options(settings: Settings) -> InferenceOptions:
    """[inference] -> the inference worker."""
    table = settings.inference
    return InferenceOptions(
        max_batch=table.max_batch,
        best_batch=True,
        max_wait=table.max_wait,
        timeout=table.timeout,
        queue_frames=table.queue_frames,
        per_stream=table.per_stream,
    )


def sinks(settings: Settings) -> list[SinkOptions]:
    """[[webhooks]] and [mqtt] -> everything that alerts go to."""
    found: list[SinkOptions] = [
        WebhookOptions(
            name=hook.name,
            url=hook.url.reveal(),
            secrets=hook.secrets,
            signature_header=hook.signature_header,
            wants=AlertFilter(hook.labels, hook.streams, hook.doubted),
            headers={name: secret.reveal() for name, secret in hook.headers.items()},
            timeout=hook.timeout,
            max_age=hook.max_age,
            tls_verify=hook.tls_verify,
            ca_file=hook.ca_file,
        )
        for hook in settings.webhooks
    ]
    mqtt = settings.mqtt
    if mqtt.host is not None:
        found.append(
            MqttOptions(
                host=mqtt.host,
                port=mqtt.effective_port,
                username=mqtt.username,
                password=mqtt.password.reveal() if mqtt.password else None,
                tls=mqtt.tls,
                ca_file=mqtt.ca_file,
                topic_prefix=mqtt.topic_prefix,
                scores=mqtt.scores,
                client_id=mqtt.client_id,
                keepalive=round(mqtt.keepalive),
                max_age=mqtt.max_age,
                wants=AlertFilter(mqtt.labels, mqtt.streams, mqtt.doubted),
            )
        )
    return found


def opinion_options(settings: Settings) -> OpinionOptions | None:
    """[second_opinion] -> whom to ask, and how; None: nobody."""
    table = settings.second_opinion
    if table.base_url is None or table.model is None:
        return None
    return OpinionOptions(
        EndpointOptions(
            table.base_url.reveal(),
            table.model,
            api_key=table.key,
            headers={name: secret.reveal() for name, secret in table.headers.items()},
            extra=table.extra,
            concurrency=table.concurrency,
            tls_verify=table.tls_verify,
            ca_file=table.ca_file,
        ),
        table.questions_file or default_questions(),
        mode=table.mode,
        timeout=table.timeout,
        give_up=table.give_up,
        frames=table.frames,
        certainty=table.certainty,
        calls_per_minute=table.calls_per_minute,
        queue=table.queue,
        labels=table.labels,
        streams=table.streams,
    )


def define_stream(
    settings: Settings,
    stream: str | StreamTable,
    weights: WeightsView,
    own_ports: tuple[tuple[str, int], ...],
    *,
    origin: Origin = "operator",
) -> StreamDefinition:
    """One [[streams]] entry with every value resolved; ``own_ports`` are the daemon's listeners.

    ``origin`` says who wrote its URL: one that came by the API has no privileges.
    """
    view = stream_view(settings, stream, weights.defaults, weights.name)
    plan = view.plan(short_side=weights.short_side, rendition_height=weights.rendition_height, deny_ports=own_ports)
    return StreamDefinition(
        id=view.id,
        title=view.title,
        context=view.context,
        uri=redact_url(view.url.reveal()),
        plan=replace(plan, origin=origin),
        thresholds=view.thresholds,
        weights=weights.identity,
    )
