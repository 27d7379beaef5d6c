"""Every engine gives the probabilities of plain torch in float32, on drawn pictures."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
import torch

from streamwatch.demo.drawings import gore_scene, harmless_scene
from streamwatch.inference.encoders.base import Encoder
from streamwatch.inference.engines import openvino
from streamwatch.inference.engines.base import EngineFailed, EngineOptions
from streamwatch.inference.engines.checking import PROBABILITY_TOLERANCE
from streamwatch.inference.engines.compiled import CompiledEngine
from streamwatch.inference.engines.cuda_graph import CudaGraphEngine
from streamwatch.inference.engines.openvino import OpenVinoEngine
from streamwatch.inference.engines.torch_eager import TorchEngine
from streamwatch.inference.model import EncoderModel, find_weights, load_model
from tests.inference.engines.small_encoder import SIDE, SmallEncoder

CPU = torch.device("cpu")
needs_openvino = pytest.mark.skipif(not openvino.available(), reason="needs openvino")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(scope="module")
def model() -> EncoderModel:
    return load_model(find_weights("starter"), device="cpu")


@pytest.fixture(scope="module")
def batch(model: EncoderModel) -> torch.Tensor:
    seconds = [7.0 + 3 * i for i in range(4)]
    return model.prepare([scene(t, 426, 240) for t in seconds for scene in (gore_scene, harmless_scene)])


def furthest(model: EncoderModel, batch: torch.Tensor, engine: object) -> float:
    """Largest difference of a head's probability between ``engine`` and plain torch, in batches of several sizes."""
    truth = model.raw(batch)
    plain, model.engine = model.engine, engine  # type: ignore[assignment]
    try:
        found = [model.raw(batch[part]) for part in (slice(0, 1), slice(1, 4), slice(4, 8))]
    finally:
        model.engine = plain
    return float(np.abs(np.concatenate(found) - truth).max())


@needs_openvino
def test_openvino_in_float32_is_plain_torch(model: EncoderModel, batch: torch.Tensor) -> None:
    engine = OpenVinoEngine(model.encoder, torch.float32, threads=1)
    assert (engine.name, engine.precision) == ("openvino", "float32")
    assert furthest(model, batch, engine) < 1e-4


@needs_openvino
def test_torchs_check_of_a_trace_is_left_out_because_it_keeps_memory_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """25 MB each time, and every switch of weights makes engines anew."""
    traces: list[dict[str, Any]] = []
    trace: Any = torch.jit.trace

    def watched(*arguments: Any, **options: Any) -> Any:
        traces.append(options)
        return trace(*arguments, **options)

    monkeypatch.setattr(torch.jit, "trace", watched)
    OpenVinoEngine(SmallEncoder(), torch.float32, threads=1)
    assert [options["check_trace"] for options in traces] == [False]


@needs_openvino
def test_openvino_in_bfloat16_stays_within_the_tolerance(model: EncoderModel, batch: torch.Tensor) -> None:
    try:
        engine = OpenVinoEngine(model.encoder, torch.bfloat16, threads=1)
    except EngineFailed as error:
        if str(error) != "this CPU has no bfloat16":
            raise
        pytest.skip(str(error))
    assert 0 < furthest(model, batch, engine) < PROBABILITY_TOLERANCE


def test_torch_in_bfloat16_stays_within_the_tolerance(model: EncoderModel, batch: torch.Tensor) -> None:
    engine = TorchEngine(model.encoder, CPU, torch.bfloat16)
    assert 0 < furthest(model, batch, engine) < PROBABILITY_TOLERANCE


def test_the_halves_of_an_encoder_are_the_encoder(model: EncoderModel) -> None:
    encoder: Encoder = model.encoder
    halves = encoder.halves()
    assert halves is not None
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        for whole, joined in zip(encoder(x), halves[1](halves[0](x)), strict=True):
            assert torch.equal(whole, joined)
    both = sum(parameter.numel() for half in halves for parameter in half.parameters())
    assert both == sum(parameter.numel() for parameter in encoder.parameters())


def test_features_come_from_plain_torch_whatever_scores(model: EncoderModel, batch: torch.Tensor) -> None:
    exact = model.features(batch[:1])[0]
    plain, model.engine = model.engine, TorchEngine(model.encoder, CPU, torch.bfloat16)
    try:
        assert np.array_equal(model.features(batch[:1])[0].last, exact.last)
    finally:
        model.engine = plain


def test_the_daemons_way_of_loading_gives_the_same_probabilities(model: EncoderModel, batch: torch.Tensor) -> None:
    chosen = load_model(find_weights("starter"), device="cpu", engine=EngineOptions("auto", "auto"))
    assert np.abs(chosen.forward(batch) - model.forward(batch)).max() < PROBABILITY_TOLERANCE


def test_a_caller_keeps_the_maps_that_it_was_given() -> None:
    engines = [TorchEngine(SmallEncoder(), CPU, torch.float32)]
    if openvino.available():
        engines.append(OpenVinoEngine(SmallEncoder(), torch.float32, threads=1))  # type: ignore[arg-type]
    for engine in engines:
        first = engine(torch.full((2, 3, SIDE, SIDE), 10, dtype=torch.uint8))
        before = first.last.clone()
        engine(torch.full((2, 3, SIDE, SIDE), 200, dtype=torch.uint8))
        assert torch.equal(first.last, before)


COMPILE = """
import structlog, torch
from streamwatch.inference.engines.base import EngineFailed, EngineOptions
from streamwatch.inference.engines.choice import choose_engine
from tests.inference.engines.small_encoder import SmallEncoder, small_judge
log = structlog.wrap_logger(structlog.PrintLogger(), processors=[structlog.processors.JSONRenderer()])
torch.set_num_threads(1)
options = EngineOptions("compile", "float32")
print("serves:", choose_engine(SmallEncoder(), torch.device("cpu"), small_judge, options, log=log).name)
"""


def compiling(cache: Path, **environment: str) -> str:
    """What a process of its own says: what torch compiles is kept for the process's life, and so is a failure."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache), **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    return done.stdout


@pytest.mark.timeout(300)
def test_torch_compile_serves_every_batch_size(tmp_path: Path) -> None:
    """A small encoder: compiling the large one takes half a minute."""
    assert "serves: torch-compiled" in compiling(tmp_path)


@pytest.mark.timeout(300)
def test_without_a_compiler_plain_torch_serves_and_the_log_says_so(tmp_path: Path) -> None:
    said = compiling(tmp_path, CXX="/nonexistent/c++")
    assert "serves: torch\n" in said
    assert "inference.engine_refused" in said
    assert "inference.engine_fell_back" in said


@needs_cuda
@pytest.mark.parametrize("engine", [CudaGraphEngine, CompiledEngine, TorchEngine])
def test_half_precision_on_cuda(
    engine: type[CudaGraphEngine | CompiledEngine | TorchEngine], model: EncoderModel, batch: torch.Tensor
) -> None:
    device = torch.device("cuda")
    on_gpu = load_model(find_weights("starter"), device="cuda")
    on_gpu.engine = engine(model.encoder, device, torch.float16)
    truth = model.raw(batch)
    for part in (slice(0, 1), slice(1, 4), slice(0, 8), slice(4, 7)):
        assert np.abs(on_gpu.raw(batch[part]) - truth[part]).max() < PROBABILITY_TOLERANCE


@needs_cuda
def test_cuda_takes_the_graph_by_itself() -> None:
    log = structlog.get_logger()
    chosen = load_model(find_weights("starter"), device="cuda", engine=EngineOptions("auto", "auto"), log=log)
    assert (chosen.engine.name, chosen.engine.precision) == ("cuda-graph", "float16")
