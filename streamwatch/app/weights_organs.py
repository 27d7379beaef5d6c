"""The models' worker, what lets other weights take over, and the shadow beside it: built and joined."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView, engine_options, inference_options
from streamwatch.app.shadow import Shadow
from streamwatch.app.shadow_log import ShadowLog
from streamwatch.app.weights_switch import WeightsSwitch
from streamwatch.inference.manifest import Manifest
from streamwatch.inference.model import load_model
from streamwatch.inference.worker import BatchReport, InferenceWorker
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored
from streamwatch.settings.schema import Settings
from streamwatch.store.history import History
from streamwatch.streams.definition import StreamDefinition
from streamwatch.telemetry.instruments import Instruments


class WeightsOrgans:
    """Built once, on a running event loop; nothing runs yet."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        manifest: Manifest,
        view: WeightsView,
        *,
        threads: int,
        history: History,
        on_result: Callable[[Scores | Unscored], None],
        on_batch: Callable[[BatchReport], None],
        definition: Callable[[str], StreamDefinition | None],
        instruments: Instruments,
        log: FilteringBoundLogger,
    ) -> None:
        """``view`` is the object that all desks share, ``definition`` that of a watched stream."""
        device = settings.inference.device
        load = partial(load_model, device=device, threads=threads, engine=engine_options(settings), log=log)
        self._on_result = on_result
        self.inference = InferenceWorker(
            partial(load, folder), inference_options(settings), on_result=self._took_result, on_batch=on_batch, log=log
        )
        self.switch = WeightsSwitch(
            folder, manifest, view, inference=self.inference, load=load, instruments=instruments, log=log
        )
        self.shadow = Shadow(
            view,
            # Plain torch: another engine's threads would be shared with the live one, and keep the shadow's priority.
            load=partial(load_model, device=device),
            busy=self.inference.is_busy,
            definition=definition,
            rows=ShadowLog(history, log=log, on_lost=instruments.api.history_rows_lost.inc),
            instruments=instruments.weights,
            log=log,
        )

    def submit(self, frame: Frame) -> None:
        """A live frame for the models."""
        self.shadow.saw(frame)
        self.inference.submit(frame)

    def remarks(self) -> list[str]:
        """What /health/ready should mention."""
        return [*self.switch.remarks(), *self.shadow.remarks()]

    def _took_result(self, result: Scores | Unscored) -> None:
        self.shadow.answered(result)
        self._on_result(result)
