"""Other weights for a daemon that runs: loaded beside those that score, checked, and handed over at one moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView, view_weights
from streamwatch.app.v1_services import describe_weights
from streamwatch.errors import ConfigError, ConfigFault, WeightsError
from streamwatch.inference.device import Loaded as LoadedModel
from streamwatch.inference.engines import openvino
from streamwatch.inference.manifest import Manifest, find_weights, read_manifest
from streamwatch.inference.model import ScoringModel
from streamwatch.inference.worker import InferenceWorker
from streamwatch.settings.load import Loaded
from streamwatch.settings.schema import Settings
from streamwatch.telemetry.instruments import Instruments
from streamwatch.web.v1.answers import WeightsAnswer


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Weights that are ready to take over."""

    folder: Path
    manifest: Manifest
    model: LoadedModel


class WeightsSwitch:
    """Knows which weights score, and lets others take over."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        view: WeightsView,
        *,
        inference: InferenceWorker,
        load: Callable[[Path], ScoringModel],
        instruments: Instruments,
        log: FilteringBoundLogger,
    ) -> None:
        """``view`` is the object that all desks share; ``load`` reads a folder of weights for the models' device."""
        self.view = view
        self._inference = inference
        self._load = load
        self._instruments = instruments
        self._log = log
        self._answer = describe_weights(manifest, folder)
        self._loading: str | None = None

    def described(self) -> WeightsAnswer:
        """The weights that score, as callers of the API are told."""
        return self._answer

    def remarks(self) -> list[str]:
        """What /health/ready should mention."""
        return [] if self._loading is None else [f"the weights {self._loading!r} are being loaded to take over"]

    async def prepare(self, loaded: Loaded) -> Prepared | None:
        """Load what the configuration names beside the weights that score; None when it names these.

        Raises ConfigError: they cannot be found, read or run, their files changed meanwhile, or a stream's own
        thresholds are not for them. Without a switch such a stream fails by itself; a switch would blind it.
        """
        try:
            folder = find_weights(loaded.settings.inference.weights)
            manifest = read_manifest(folder)
            if view_weights(manifest) == self.view:
                return None
            if loaded.unfit:
                self._instruments.weights.switches.labels("refused").inc()
                raise ConfigError(list(loaded.unfit))
            model = await self._loaded(folder, manifest)
        except WeightsError as error:
            self._instruments.weights.switches.labels("refused").inc()
            mend = f"Mend or restore them, or name others. The weights {self.view.name!r} go on."
            raise ConfigError([ConfigFault(loaded.file, "inference.weights", str(error), mend)]) from error
        return Prepared(folder, manifest, model)

    async def _loaded(self, folder: Path, manifest: Manifest) -> LoadedModel:
        began = time.monotonic()
        self._loading = manifest.name
        self._log.info("weights.loading", weights=manifest.name, sha256=manifest.sha256)
        try:
            # OpenVINO's threads serve every model and live for good, so they must not be started by a lowly one.
            gently = not openvino.available()
            model = await self._inference.load_beside(partial(self._load, folder), gently=gently)
        finally:
            self._loading = None
        if model.model.weights.sha256 != manifest.sha256:
            raise WeightsError(f"{folder}: its files changed while they were read. Reload again")
        self._log.info("weights.ready", weights=manifest.name, seconds=round(time.monotonic() - began, 3))
        return model

    def take(self, prepared: Prepared, settings: Settings) -> None:
        """Hand over. Whoever calls goes on to give every stream its new judge before anything else runs."""
        was = self.view.identity
        self._inference.switch(prepared.model)
        self.view.become(view_weights(prepared.manifest))
        self._answer = describe_weights(prepared.manifest, prepared.folder)
        self._instruments.weights.switches.labels("switched").inc()
        self._log.warning("weights.switched", weights=self.view.identity, was=was)
        self.announce(prepared.manifest)
        tell_unbound(settings, self.view, self._log.warning)

    def announce(self, manifest: Manifest) -> None:
        """Say, loudly, what these weights cannot see."""
        proxies = {label: one.of for label, one in manifest.labels.items() if one.status == "proxy"}
        self._instruments.set_weights(self.view.name, self.view.sha256, self.view.unsupported)
        self._log.info("weights.loaded", weights=self.view.name, sha256=self.view.sha256, proxies=proxies)
        self._log.warning("weights.not_detected", labels=self.view.unsupported)


def tell_unbound(settings: Settings, weights: WeightsView, tell: Callable[..., object]) -> None:
    """Mention thresholds that would hold for any weights: a score of others means something else."""
    table = settings.thresholds
    written = [*table.by_label.values(), *(one for entry in settings.streams for one in entry.thresholds.values())]
    if table.weights is None and any(one.enter is not None or one.exit is not None for one in written):
        bound = f'weights = "{weights.name}@{weights.sha256[:12]}"'
        tell("config.thresholds_not_bound", weights=weights.name, mend=f"Write {bound} under [thresholds].")
