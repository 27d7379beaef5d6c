"""The whole configuration: every table with its keys, their types and defaults."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from streamwatch.records.capture import SamplingMode
from streamwatch.settings.api import ApiTable
from streamwatch.settings.credentials import HttpUrl
from streamwatch.settings.quantities import ByteSize, Duration
from streamwatch.settings.second_opinion import SecondOpinionTable
from streamwatch.settings.server import MetricsTable, ServerTable
from streamwatch.settings.sinks import MqttTable, WebhookTable
from streamwatch.settings.streams import Interval, Patience, RenditionHeight, StreamTable, UserAgent
from streamwatch.settings.table import Auto, Change, Folder, Listed, Networks, Table, within
from streamwatch.settings.thresholds import ThresholdsTable

Count = Annotated[int, Field(ge=1, le=1024)]


class StoreTable(Table):
    """What survives a restart."""

    path: Annotated[Folder, Change.DAEMON] = Path("/var/lib/streamwatch")
    """Folder of the databases; one daemon per folder."""


class ShadowTable(Table):
    """Candidate weights that score beside the real ones and raise no alert: `streamwatch weights compare` reports."""

    weights: Annotated[Annotated[str, Field(min_length=1)] | None, Change.LIVE] = None
    """Name of the candidate, or a folder that holds it; without one, the shadow is off."""
    share: Annotated[float, Field(gt=0.0, le=1.0), Change.LIVE] = 0.05
    """Share of the streams that it follows at a time, above 0 to 1; every hour others, by lot."""
    keep: Annotated[Duration, AfterValidator(within("1h", "366d", 3600.0, 366 * 86400.0)), Change.LIVE] = 14 * 86400.0
    """How long its frames and incidents stay in history.db."""
    keep_frames: Annotated[int, Field(ge=1000, le=100_000_000), Change.LIVE] = 1_000_000
    """Frames kept at most; a million take about 250 MB."""
    thresholds: Annotated[ThresholdsTable, Change.LIVE] = Field(default_factory=ThresholdsTable)
    """As [thresholds], for the candidate. What is not written here comes from its manifest."""


class InferenceTable(Table):
    """The models and their device."""

    weights: Annotated[str, Field(min_length=1), Change.LIVE] = "starter"
    """Name of the weights, or a folder that holds them; others are loaded beside those that score, then take over."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d{1,2})?)$"), Change.DAEMON] = "auto"
    """"auto" takes a GPU when there is one; "cpu", "cuda", "cuda:1"."""
    threads: Annotated[Auto[Count], Change.DAEMON] = None
    """CPU threads of the models; "auto" shares the cores with [capture] workers."""
    engine: Annotated[Literal["auto", "torch", "compile", "openvino"], Change.DAEMON] = "auto"
    """What runs the encoder: the fastest that is installed, torch, torch.compile (a minute at start), or OpenVINO."""
    precision: Annotated[Literal["auto", "float32", "bfloat16"], Change.DAEMON] = "auto"
    """"auto": half precision on a GPU; on a CPU bfloat16 when it is faster and right. "float32": always the same."""
    max_batch: Annotated[int, Field(ge=1, le=256), Change.DAEMON] = 32
    """Frames scored together at most; the size used is the best up to it, by a short measurement at start."""
    max_wait: Annotated[Duration, AfterValidator(within("0s", "5s", 0.0, 5.0)), Change.DAEMON] = 0.05
    """How long the first frame of a batch waits for company."""
    timeout: Annotated[Duration, AfterValidator(within("1s", "10m", 1.0, 600.0)), Change.DAEMON] = 10.0
    """A batch that takes longer means that the device is lost: the daemon ends with status 70."""
    queue_frames: Annotated[int, Field(ge=1, le=100_000), Change.DAEMON] = 256
    """Frames waiting at most, of all streams; beyond, the oldest gives way and is counted."""
    per_stream: Annotated[int, Field(ge=1, le=1000), Change.DAEMON] = 4
    """Frames waiting at most, of one stream."""
    shadow: Annotated[ShadowTable, Change.LIVE] = Field(default_factory=ShadowTable)
    """See ShadowTable."""


class CaptureTable(Table):
    """How streams are read, and the processes that read them."""

    interval: Annotated[Interval, Change.STREAM] = 2.0
    """Look at one picture of each stream this often, 0.5 to 60 s."""
    sampling: Annotated[SamplingMode, Change.STREAM] = "auto"
    """"keyframes" is cheap; "full" decodes everything; "auto" takes keyframes while they are close enough."""
    rendition_height: Annotated[Auto[RenditionHeight], Change.STREAM] = None
    """The smallest rendition with at least so many lines is taken; "auto": the smallest that suffices."""
    open_timeout: Annotated[Patience, Change.STREAM] = 10.0
    """How long a source may take to answer."""
    read_timeout: Annotated[Patience, Change.STREAM] = 10.0
    """How long a read may take."""
    stall_after: Annotated[Patience, Change.STREAM] = 10.0
    """Without new media for so long a stream is stalled; for HLS at least three target durations."""
    max_segment_size: Annotated[ByteSize, Field(ge=100_000), Change.STREAM] = 64_000_000
    """A segment larger than this is not read."""
    max_playlist_size: Annotated[ByteSize, Field(ge=10_000), Change.STREAM] = 4_000_000
    """A playlist larger than this is not read."""
    workers: Annotated[Auto[Annotated[int, Field(ge=1, le=64)]], Change.DAEMON] = None
    """Processes that read and decode; "auto" shares the cores with the models."""
    decoder_threads: Annotated[int, Field(ge=1, le=16), Change.DAEMON] = 1
    """Decoders in each worker."""
    max_streams_per_worker: Annotated[int, Field(ge=1, le=10_000), Change.DAEMON] = 400
    """Streams beyond what all workers may hold wait, loudly."""
    memory_limit: Annotated[ByteSize, AfterValidator(within("128MiB", "1TiB", 2**27, 2**40)), Change.DAEMON] = 1024**3
    """A worker above it is replaced."""
    heartbeat_timeout: Annotated[Duration, AfterValidator(within("2s", "60s", 2.0, 60.0)), Change.DAEMON] = 4.0
    """A worker silent for longer is replaced."""
    decode_timeout: Annotated[Duration, AfterValidator(within("1s", "60s", 1.0, 60.0)), Change.DAEMON] = 4.0
    """A worker with one decode running longer is replaced, its stream watched with suspicion."""
    full_decode_budget: Annotated[Auto[Annotated[float, Field(ge=0.0, le=1024.0)]], Change.DAEMON] = None
    """CPU cores that all streams together may spend on full decode; "auto" is half of those of capture."""
    max_pixels: Annotated[int, Field(ge=10_000, le=268_435_456), Change.DAEMON] = 9_000_000
    """A larger picture is not decoded (4K has 8.3 million)."""


class NetworkTable(Table):
    """What the streams' own links (redirects, playlists, segments, keys) may reach, and how."""

    allow: Annotated[Networks, Change.STREAM] = ()
    """Networks that may be reached besides public addresses and the stream's own host and port; at most 256."""
    proxy: Annotated[HttpUrl | None, Change.STREAM] = None
    """HTTP proxy of all streams that are read by HTTP; takes the forms of a secret."""
    user_agent: Annotated[UserAgent, Change.STREAM] = "streamwatch"
    """Sent with HTTP requests of the streams."""


class LogTable(Table):
    """The log on standard error."""

    format: Annotated[Literal["auto", "json", "console"], Change.LIVE] = "auto"
    """"auto" is for people on a terminal and JSON elsewhere."""
    level: Annotated[Literal["debug", "info", "warning", "error"], Change.LIVE] = "info"
    """The least that is written."""


class Settings(Table):
    """Everything that the operator wrote, with defaults filled in."""

    server: ServerTable = Field(default_factory=ServerTable)
    metrics: MetricsTable = Field(default_factory=MetricsTable)
    api: ApiTable = Field(default_factory=ApiTable)
    store: StoreTable = Field(default_factory=StoreTable)
    inference: InferenceTable = Field(default_factory=InferenceTable)
    capture: CaptureTable = Field(default_factory=CaptureTable)
    network: NetworkTable = Field(default_factory=NetworkTable)
    log: LogTable = Field(default_factory=LogTable)
    thresholds: ThresholdsTable = Field(default_factory=ThresholdsTable)
    webhooks: Listed[WebhookTable] = ()
    mqtt: MqttTable = Field(default_factory=MqttTable)
    second_opinion: SecondOpinionTable = Field(default_factory=SecondOpinionTable)
    streams: Listed[StreamTable] = ()

    def stream(self, stream: str) -> StreamTable:
        """The entry of a stream; raises KeyError when there is none."""
        for entry in self.streams:
            if entry.id == stream:
                return entry
        raise KeyError(stream)
