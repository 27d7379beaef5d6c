"""Which engine serves: those that the options allow are built, checked against plain torch and timed.

Whatever fails on the way is said in words and left out; plain torch in float32 always remains.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import torch
from structlog.typing import FilteringBoundLogger

from streamwatch.inference.encoders.base import Encoder
from streamwatch.inference.engines import openvino
from streamwatch.inference.engines.base import PRECISION_NAMES, Engine, EngineFailed, EngineKind, EngineOptions
from streamwatch.inference.engines.checking import (
    MAPS_TOLERANCE,
    PROBABILITY_TOLERANCE,
    Difference,
    Judge,
    check_pictures,
    difference,
)
from streamwatch.inference.engines.compiled import CompiledEngine
from streamwatch.inference.engines.cuda_graph import CudaGraphEngine
from streamwatch.inference.engines.torch_eager import TorchEngine

_SECONDS: Final = 0.3
"""How long each engine is timed."""
_WORTH: Final = 1.15
"""How much faster an engine must be to be taken instead of one that rounds less."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that might serve. ``build`` raises EngineFailed, or whatever the library behind it raises."""

    name: str
    precision: str
    build: Callable[[], Engine]

    def __str__(self) -> str:
        return f"{self.name} {self.precision}"


@dataclass(frozen=True, slots=True)
class _Sound:
    engine: Engine
    precision: str
    difference: Difference
    rate: float
    """Pictures per second."""


def choose_engine(
    encoder: Encoder,
    device: torch.device,
    judge: Judge,
    options: EngineOptions,
    *,
    log: FilteringBoundLogger,
    clock: Callable[[], float] = time.perf_counter,
) -> Engine:
    """The engine that serves best of those that are right. ``judge``: the heads, on ``device``."""
    groups = candidates(encoder, device, options)
    reference = TorchEngine(encoder, device, torch.float32)
    if not groups:
        log.info("inference.engine_chosen", engine=reference.name, precision=reference.precision)
        return reference
    races = device.type == "cpu" and options.kind in ("auto", "torch") and options.precision != "bfloat16"
    return race(reference, groups, judge, encoder.spec.input_size, reference_races=races, log=log, clock=clock)


def race(
    reference: Engine,
    groups: Sequence[Sequence[Candidate]],
    judge: Judge,
    side: int,
    *,
    reference_races: bool,
    log: FilteringBoundLogger,
    clock: Callable[[], float] = time.perf_counter,
) -> Engine:
    """The fastest of the first group that has a sound engine; the reference when none has, or when it is faster."""
    pictures = check_pictures(side)
    truth = reference(pictures)
    entries: list[_Sound] = []
    for group in groups:
        for candidate in group:
            engine, found = _checked(candidate, lambda one: difference(one, pictures, truth, judge), log)
            if engine is not None and found is not None:
                rate = len(pictures) / _fastest(engine, pictures, clock)
                entries.append(_Sound(engine, candidate.precision, found, rate))
        if entries:
            break
    if not entries:
        log.warning("inference.engine_fell_back", engine=reference.name, precision=reference.precision)
        return reference
    if reference_races:
        rate = len(pictures) / _fastest(reference, pictures, clock)
        entries.append(_Sound(reference, reference.precision, Difference(0.0, 0.0), rate))
    best = max(entries, key=lambda one: one.rate / (1.0 if one.precision == "float32" else _WORTH))
    log.info(
        "inference.engine_chosen",
        engine=best.engine.name,
        precision=best.engine.precision,
        pictures_per_second={f"{one.engine.name} {one.precision}": round(one.rate, 1) for one in entries},
        largest_difference=round(best.difference.probability, 4),
    )
    return best.engine


def candidates(encoder: Encoder, device: torch.device, options: EngineOptions) -> list[list[Candidate]]:
    """Groups, the better first; plain torch in float32 on a CPU is the reference and never among them."""
    if device.type == "cuda":
        return _on_cuda(encoder, device, options)
    dtypes = _cpu_dtypes(options)
    on_torch = [
        _candidate("torch", dtype, partial(TorchEngine, encoder, device, dtype))
        for dtype in dtypes
        if dtype != torch.float32
    ]
    on_openvino = [
        _candidate("openvino", dtype, partial(openvino.OpenVinoEngine, encoder, dtype, threads=torch.get_num_threads()))
        for dtype in dtypes
    ]
    # One after the other: each compilation takes long.
    compiled = [
        [_candidate("torch-compiled", dtype, partial(CompiledEngine, encoder, device, dtype))] for dtype in dtypes
    ]
    by_kind: dict[EngineKind, list[list[Candidate]]] = {
        "torch": [on_torch],
        "openvino": [on_openvino],
        "compile": compiled,
        "auto": [on_openvino, on_torch] if openvino.available() else [on_torch],
    }
    return [group for group in by_kind[options.kind] if group]


def _on_cuda(encoder: Encoder, device: torch.device, options: EngineOptions) -> list[list[Candidate]]:
    dtype = {"auto": torch.float16, "float32": torch.float32, "bfloat16": torch.bfloat16}[options.precision]
    eager = [_candidate("torch", dtype, partial(TorchEngine, encoder, device, dtype))]
    if options.kind == "torch":
        return [eager]
    if options.kind == "compile":
        return [[_candidate("torch-compiled", dtype, partial(CompiledEngine, encoder, device, dtype))], eager]
    return [[_candidate("cuda-graph", dtype, partial(CudaGraphEngine, encoder, device, dtype))], eager]


def _cpu_dtypes(options: EngineOptions) -> list[torch.dtype]:
    if options.precision == "float32":
        return [torch.float32]
    if options.precision == "bfloat16":
        return [torch.bfloat16]
    return [torch.bfloat16, torch.float32] if has_bfloat16() else [torch.float32]


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU multiplies bfloat16 by itself; where it does not, trying it would only take time."""
    try:
        flags = cpuinfo.read_text().split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def _candidate(name: str, dtype: torch.dtype, build: Callable[[], Engine]) -> Candidate:
    return Candidate(name, PRECISION_NAMES[dtype], build)


def _checked(
    candidate: Candidate, compare: Callable[[Engine], Difference], log: FilteringBoundLogger
) -> tuple[Engine | None, Difference | None]:
    refuse = partial(log.warning, "inference.engine_refused", engine=candidate.name, precision=candidate.precision)
    try:
        engine = candidate.build()
        found = compare(engine)
    except EngineFailed as error:
        refuse(reason=str(error))
    except Exception as error:  # noqa: BLE001 - compilers and runtimes raise what they like; another engine serves
        refuse(reason=f"it does not run here ({type(error).__name__})")
    else:
        if found.bearable:
            return engine, found
        refuse(
            reason=f"its probabilities lie {_words(found.probability)} from plain torch in float32, its maps"
            f" {_words(found.maps)}; borne are {PROBABILITY_TOLERANCE:g} and {MAPS_TOLERANCE:g}"
        )
    return None, None


def _words(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "without end"


def _fastest(engine: Engine, pictures: torch.Tensor, clock: Callable[[], float]) -> float:
    """Seconds of the fastest pass: others on the machine only ever slow one down."""
    best, until = math.inf, clock() + _SECONDS
    while True:
        began = clock()
        maps = engine(pictures)
        if maps.last.device.type == "cuda":
            torch.cuda.synchronize(maps.last.device)
        ended = clock()
        best = min(best, max(ended - began, 1e-9))
        if ended >= until:
            return best
