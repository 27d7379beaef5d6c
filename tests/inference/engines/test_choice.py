"""Engines that are wrong, broken or slow do not serve, and the log says so."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import torch
from structlog.testing import capture_logs
from structlog.typing import FilteringBoundLogger

from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.engines import openvino
from streamwatch.inference.engines.base import Engine, EngineFailed, EngineOptions
from streamwatch.inference.engines.choice import Candidate, candidates, choose_engine, has_bfloat16, race
from streamwatch.inference.engines.torch_eager import TorchEngine
from tests.inference.engines.small_encoder import SIDE, Distorted, SmallEncoder, small_judge

CPU = torch.device("cpu")
LOG: FilteringBoundLogger = structlog.get_logger()


def reference() -> TorchEngine:
    return TorchEngine(SmallEncoder(), CPU, torch.float32)


class Clocked:
    """A reference whose passes move the clock of the race."""

    def __init__(self, now: list[float], seconds: float, name: str, precision: str = "float32") -> None:
        self._inner, self._now, self._seconds = reference(), now, seconds
        self.name, self.precision = name, precision

    def __call__(self, batch: torch.Tensor) -> Maps:
        """See Engine."""
        self._now[0] += self._seconds
        return self._inner(batch)


def decided(engines: list[Clocked], *groups: list[Candidate], now: list[float], reference_races: bool = False) -> str:
    entries = [[Candidate(one.name, one.precision, lambda one=one: one)] for one in engines]  # type: ignore[misc]
    together = [*groups, [candidate for [candidate] in entries]]
    plain = Clocked(now, 0.040, "torch")
    chosen = race(plain, together, small_judge, SIDE, reference_races=reference_races, log=LOG, clock=lambda: now[0])
    return f"{chosen.name} {chosen.precision}"


def test_the_fastest_of_those_that_are_right_serves() -> None:
    now = [0.0]
    engines = [Clocked(now, 0.020, "a"), Clocked(now, 0.010, "b"), Clocked(now, 0.030, "c")]
    assert decided(engines, now=now) == "b float32"


def test_rounding_must_be_worth_it() -> None:
    now = [0.0]
    rounding, exact = Clocked(now, 0.0095, "a", "bfloat16"), Clocked(now, 0.010, "a")
    assert decided([rounding, exact], now=now) == "a float32"
    now = [0.0]
    rounding, exact = Clocked(now, 0.005, "a", "bfloat16"), Clocked(now, 0.010, "a")
    assert decided([rounding, exact], now=now) == "a bfloat16"


def test_plain_torch_stays_where_it_is_the_fastest() -> None:
    now = [0.0]
    assert decided([Clocked(now, 0.050, "a")], now=now, reference_races=True) == "torch float32"
    now = [0.0]
    assert decided([Clocked(now, 0.050, "a")], now=now) == "a float32"


def failing(error: Exception) -> Callable[[], Engine]:
    def build() -> Engine:
        raise error

    return build


def refusals(*builds: Callable[[], Engine]) -> tuple[Engine, list[dict[str, Any]]]:
    group = [Candidate("broken", "float32", build) for build in builds]
    with capture_logs() as logs:
        chosen = race(reference(), [group], small_judge, SIDE, reference_races=False, log=LOG)
    return chosen, [dict(line) for line in logs]


def test_an_engine_that_cannot_be_built_is_left_out_in_its_own_words() -> None:
    chosen, logs = refusals(failing(EngineFailed("this CPU has no bfloat16")))
    assert chosen.name == "torch"
    assert [line["event"] for line in logs] == ["inference.engine_refused", "inference.engine_fell_back"]
    assert logs[0]["reason"] == "this CPU has no bfloat16"


def test_what_a_library_raises_is_named_by_its_type_only() -> None:
    chosen, logs = refusals(failing(ImportError("/home/somebody/secret")))
    assert chosen.name == "torch"
    assert logs[0]["reason"] == "it does not run here (ImportError)"


@pytest.mark.parametrize("factor", [1.3, 0.0, float("nan"), float("inf"), -1.0])
def test_an_engine_that_is_wrong_is_refused_with_figures(factor: float) -> None:
    chosen, logs = refusals(lambda: Distorted(reference(), factor))
    assert chosen.name == "torch"
    assert "from plain torch in float32" in logs[0]["reason"]


def test_an_engine_that_is_wrong_only_for_a_single_picture_is_refused_too() -> None:
    class Alone(Distorted):
        def __call__(self, batch: torch.Tensor) -> Maps:
            self._factor = 1.5 if len(batch) == 1 else 1.0
            return super().__call__(batch)

    assert refusals(lambda: Alone(reference(), 1.0))[0].name == "torch"


def test_maps_of_another_shape_are_refused() -> None:
    class Cut(Distorted):
        def __call__(self, batch: torch.Tensor) -> Maps:
            maps = super().__call__(batch)
            return Maps(maps.last[:, :, 1:], maps.middle)

    assert refusals(lambda: Cut(reference(), 1.0))[0].name == "torch"


def test_a_broken_engine_does_not_keep_the_next_group_from_serving() -> None:
    now = [0.0]
    broken = [Candidate("broken", "float32", failing(RuntimeError("no")))]
    assert decided([Clocked(now, 0.020, "spare")], broken, now=now) == "spare float32"


def names(options: EngineOptions) -> list[list[str]]:
    return [[str(candidate) for candidate in group] for group in candidates(SmallEncoder(), CPU, options)]


def test_float32_by_torch_needs_no_choice() -> None:
    assert names(EngineOptions("torch", "float32")) == []
    with capture_logs() as logs:
        engine = choose_engine(SmallEncoder(), CPU, small_judge, EngineOptions("torch", "float32"), log=LOG)
    assert (engine.name, engine.precision) == ("torch", "float32")
    assert [line["event"] for line in logs] == ["inference.engine_chosen"]


def test_openvino_is_taken_into_the_race_when_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "available", lambda: True)
    assert names(EngineOptions("auto", "float32")) == [["openvino float32"]]
    assert names(EngineOptions("auto", "bfloat16")) == [["openvino bfloat16"], ["torch bfloat16"]]
    monkeypatch.setattr(openvino, "available", lambda: False)
    assert names(EngineOptions("auto", "float32")) == []
    assert names(EngineOptions("auto", "bfloat16")) == [["torch bfloat16"]]


def test_what_is_asked_for_is_tried_even_when_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError

    importer = SimpleNamespace(import_module=missing)
    monkeypatch.setattr("streamwatch.inference.engines.openvino.importlib", importer)
    with capture_logs() as logs:
        engine = choose_engine(SmallEncoder(), CPU, small_judge, EngineOptions("openvino", "float32"), log=LOG)
    assert engine.name == "torch"
    assert "ModuleNotFoundError" in logs[0]["reason"]


@pytest.mark.skipif(not openvino.available(), reason="needs openvino")
def test_one_that_is_installed_and_broken_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise OSError("a library of the system is missing")

    monkeypatch.setattr("streamwatch.inference.engines.openvino.importlib", SimpleNamespace(import_module=broken))
    with capture_logs() as logs:
        engine = choose_engine(SmallEncoder(), CPU, small_judge, EngineOptions("auto", "float32"), log=LOG)
    assert engine.name == "torch"
    assert any("OSError" in record.get("reason", "") for record in logs)


def test_the_cpu_says_whether_it_has_bfloat16(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("flags : fpu avx512_bf16 amx_tile\n")
    assert has_bfloat16(info)
    info.write_text("flags : fpu avx2 not_bf16_at_all\n")
    assert not has_bfloat16(info)
    assert not has_bfloat16(tmp_path / "missing")
