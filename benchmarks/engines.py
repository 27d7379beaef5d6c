"""The encoder alone, by every engine that is installed: pictures per second of both models, as ratios.

1 is what two separate models cost in plain torch: two passes in float32, as the encoder was published (nothing folded).
ONNX Runtime serves for comparison only; the daemon does not use it.
"""

import contextlib
import importlib
import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from benchmarks import measure
from streamwatch.inference.encoders.base import Encoder, Maps
from streamwatch.inference.encoders.loading import load_encoder
from streamwatch.inference.engines.base import EngineOptions
from streamwatch.inference.engines.checking import check_pictures
from streamwatch.inference.engines.choice import candidates
from streamwatch.inference.engines.torch_eager import TorchEngine
from streamwatch.inference.manifest import Manifest
from streamwatch.inference.preprocess import normalise

SIZES: Final = (1, 8, 32)
_BASE_SIZE: Final = 8
_TURN: Final = 0.25
BASE: Final = "two models, torch float32"

Run = Callable[[torch.Tensor], Any]


async def compare_engines(manifest: Manifest, *, rounds: int, compiled: bool) -> dict[str, Any]:
    """Ratios to ``BASE`` at batches of 8, by engine and batch size; words for an engine that is not there."""
    encoder = load_encoder(manifest)
    runs, absent = _runs(encoder, compiled=compiled)
    pictures = check_pictures(encoder.spec.input_size)
    batches = {size: pictures.repeat(-(-size // len(pictures)), 1, 1, 1)[:size] for size in SIZES}
    batches = {size: batch.contiguous(memory_format=torch.channels_last) for size, batch in batches.items()}
    contenders: dict[str, measure.Contender] = {BASE: _contender(_two_models(encoder), batches[_BASE_SIZE])}
    for name, run in runs.items():
        for size, batch in batches.items():
            contenders[f"{name} {size}"] = _contender(run, batch)
    figures = await measure.interleaved(contenders, rounds=rounds)
    return {
        "engines": {
            name: {str(size): _figures(figures[f"{name} {size}"], figures[BASE]) for size in SIZES} for name in runs
        },
        "engines_absent": absent,
        "engines_base_pictures_per_second": measure.medians({BASE: figures[BASE]})[BASE],
        "engines_rounds": rounds,
    }


def _figures(own: Sequence[float], base: Sequence[float]) -> dict[str, float]:
    ratios = [a / b for a, b in zip(own, base, strict=True)]
    return {
        "ratio": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "pictures_per_second": round(statistics.median(own), 1),
    }


def _runs(encoder: Encoder, *, compiled: bool) -> tuple[Mapping[str, Run], Mapping[str, str]]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kinds: list[EngineOptions] = [EngineOptions("torch", "auto"), EngineOptions("openvino", "auto")]
    if device.type == "cuda":
        kinds = [EngineOptions("torch", "auto"), EngineOptions("auto", "auto")]
    if compiled:
        kinds.append(EngineOptions("compile", "auto"))
    wanted: dict[str, Callable[[], Run]] = {}
    if device.type == "cpu":
        wanted["torch float32"] = partial(TorchEngine, encoder, device, torch.float32)
    for options in kinds:
        wanted |= {str(one): one.build for group in candidates(encoder, device, options) for one in group}
    wanted["onnxruntime float32 (not used)"] = partial(_onnxruntime, encoder)
    runs: dict[str, Run] = {}
    absent: dict[str, str] = {}
    for name, build in wanted.items():
        try:
            runs[name] = build()
            runs[name](check_pictures(encoder.spec.input_size))
        except Exception as error:  # noqa: BLE001 - whatever is missing or broken, the others are compared
            runs.pop(name, None)
            missing = isinstance(error.__cause__ or error, ImportError)
            absent[name] = "not installed" if missing else f"does not run here ({type(error).__name__})"
    return runs, absent


def _two_models(encoder: Encoder) -> Run:
    def run(batch: torch.Tensor) -> Maps:
        with torch.inference_mode():
            x = normalise(batch.contiguous(memory_format=torch.contiguous_format), torch.float32, encoder.spec)
            encoder(x)
            maps: Maps = encoder(x)
        return maps

    return run


def _onnxruntime(encoder: Encoder) -> Run:
    runtime = importlib.import_module("onnxruntime")
    importlib.import_module("onnx")
    side = encoder.spec.input_size
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = str(Path(folder) / "encoder.onnx")
        torch.onnx.export(
            encoder,
            (torch.zeros(2, 3, side, side),),
            file,
            input_names=["pictures"],
            output_names=["last", "middle"],
            dynamic_axes={name: {0: "n"} for name in ("pictures", "last", "middle")},
            dynamo=False,
        )
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def run(batch: torch.Tensor) -> "list[np.ndarray[Any, Any]]":
        x = normalise(batch.contiguous(memory_format=torch.contiguous_format), torch.float32, encoder.spec)
        found: list[np.ndarray[Any, Any]] = session.run(None, {"pictures": x.numpy()})
        return found

    return run


def _contender(run: Run, batch: torch.Tensor) -> measure.Contender:
    async def turn() -> float:
        done, began = 0, time.perf_counter()
        while time.perf_counter() < began + _TURN:
            run(batch)
            done += len(batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return done / (time.perf_counter() - began)

    return turn
