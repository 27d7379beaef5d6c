"""OpenVINO's own runtime, an optional package: on CPUs several times as fast as torch with the same numbers."""

import importlib
import warnings
from importlib.util import find_spec
from typing import Any, Final

import torch
from torch import nn

from streamwatch.inference.encoders.base import Encoder, Maps
from streamwatch.inference.engines.base import PRECISION_NAMES, EngineFailed, folded_copy, halves

_HINTS: Final = {torch.float32: "f32", torch.bfloat16: "bf16"}


def available() -> bool:
    """Whether the package is installed; one that cannot be imported is refused in words when it is tried."""
    return find_spec("openvino") is not None


class _Part(nn.Module):
    """Channels last at both ends, which is how OpenVINO computes and how batches and maps lie in memory here."""

    def __init__(self, part: nn.Module, normalisation: tuple[float, float] | None) -> None:
        super().__init__()
        self.part, self.normalisation = part, normalisation

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = x.permute(0, 3, 1, 2)
        if self.normalisation is not None:
            mean, scale = self.normalisation
            x = (x.float() - mean) / scale
        found = self.part(x)
        found = (found,) if isinstance(found, torch.Tensor) else tuple(found)
        return tuple(one.permute(0, 2, 3, 1) for one in found)


class OpenVinoEngine:
    """See Engine. Raises EngineFailed when OpenVINO is missing or cannot read the encoder."""

    name = "openvino"

    def __init__(self, encoder: Encoder, dtype: torch.dtype, *, threads: int) -> None:
        self.precision = PRECISION_NAMES[dtype]
        try:
            self._requests = _requests(encoder, dtype, threads)
        except EngineFailed:
            raise
        except Exception as error:  # the edge of a foreign package
            raise EngineFailed(f"OpenVINO does not take this encoder ({type(error).__name__})") from error

    def __call__(self, batch: torch.Tensor) -> Maps:
        """See Engine."""
        carried = batch.permute(0, 2, 3, 1).contiguous().numpy()
        for request in self._requests[:-1]:
            # Shared: the next part reads it where it lies, before this one runs again.
            carried = request.infer({0: carried}, share_inputs=True, share_outputs=True)[0]
        found = self._requests[-1].infer({0: carried}, share_inputs=True, share_outputs=False)
        last, middle = (torch.from_numpy(found[place]).permute(0, 3, 1, 2) for place in (0, 1))
        return Maps(last, middle)


def _requests(encoder: Encoder, dtype: torch.dtype, threads: int) -> list[Any]:
    """One compiled model, or two where the encoder's first part must stay in float32."""
    core = importlib.import_module("openvino").Core()
    if dtype == torch.bfloat16 and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise EngineFailed("this CPU has no bfloat16")
    own = folded_copy(encoder, torch.device("cpu"), torch.float32)
    spec = own.spec
    first, rest = halves(own) if dtype == torch.bfloat16 else (own, None)
    picture = torch.zeros((2, spec.input_size, spec.input_size, 3), dtype=torch.uint8)
    opening = _Part(first, (spec.mean, spec.scale)).eval()
    if rest is None:
        return [_compiled(core, opening, picture, dtype, threads)]
    with torch.no_grad():
        [between] = opening(picture)
    return [
        _compiled(core, opening, picture, torch.float32, threads),
        _compiled(core, _Part(rest, None).eval(), between.contiguous(), dtype, threads),
    ]


def _compiled(core: Any, part: nn.Module, example: torch.Tensor, dtype: torch.dtype, threads: int) -> Any:
    # openvino.convert_model would do the same and report its use to its makers; a daemon speaks to nobody unasked.
    frontend = importlib.import_module("openvino.frontend").FrontEndManager().load_by_framework("pytorch")
    decoder = importlib.import_module("openvino.frontend.pytorch.ts_decoder").TorchScriptPythonDecoder
    with torch.no_grad(), warnings.catch_warnings():
        # The size of the input is fixed, so whatever tracing takes for a constant is one.
        warnings.simplefilter("ignore")
        # Traced here and without torch's check, which keeps 25 MB for good: weights may be switched many times.
        # The engine itself is checked against plain torch.
        traced = torch.jit.trace(part, (example,), strict=False, check_trace=False)  # type: ignore[no-untyped-call]
        read = decoder(traced)  # must outlive the conversion, which only borrows it
        model = frontend.convert(frontend.load(read))
    model.reshape([-1, *example.shape[1:]])
    hints = {
        "INFERENCE_PRECISION_HINT": _HINTS[dtype],
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # the cores are shared with the decoders
    }
    return core.compile_model(model, "CPU", hints).create_infer_request()
