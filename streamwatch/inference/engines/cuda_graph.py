"""A recorded CUDA graph for each power of two: one launch for a batch instead of one for each of its layers."""

from dataclasses import dataclass
from typing import Final

import torch

from streamwatch.inference.encoders.base import Encoder, Maps
from streamwatch.inference.engines.base import PRECISION_NAMES, Pass

_WARM: Final = 3
"""Passes before recording, as torch asks for: libraries choose their kernels and workspaces in them."""


@dataclass(frozen=True, slots=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    host: torch.Tensor
    """Pinned; free again once the copy to ``pixels`` has run."""
    pixels: torch.Tensor
    maps: Maps
    """Where every replay writes to."""


class CudaGraphEngine:
    """See Engine. A batch is filled up to the next power of two; what stands in the filling is not looked at.

    A size is recorded when it is met first. Recording raises what torch raises; the choice of engines then takes the
    next one, and the warm-up of the daemon has met every size before the first frame.
    """

    name = "cuda-graph"

    def __init__(self, encoder: Encoder, device: torch.device, dtype: torch.dtype) -> None:
        self.precision = PRECISION_NAMES[dtype]
        self._device = device
        self._step = Pass(encoder, device, dtype)
        self._recordings: dict[int, _Recording] = {}

    def __call__(self, batch: torch.Tensor) -> Maps:
        """See Engine."""
        count = len(batch)
        size = 1 << (count - 1).bit_length()
        with torch.inference_mode(), torch.cuda.device(self._device):
            found = self._recordings.get(size) or self._recorded(size, batch)
            stream = torch.cuda.current_stream()
            stream.synchronize()  # the last copy out of the pinned memory is over
            found.host[:count].copy_(batch)
            found.pixels.copy_(found.host, non_blocking=True)
            found.graph.replay()
            # The next replay writes to the same place, so that what is handed out must be a copy.
            return Maps(*(one[:count].clone() for one in found.maps))

    def _recorded(self, size: int, batch: torch.Tensor) -> _Recording:
        host = torch.zeros((size, *batch.shape[1:]), dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
        host = host.pin_memory()
        pixels = host.to(self._device)
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM):
                self._step(pixels)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Weights may be loaded beside by another thread: only what this one does belongs to the graph.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            maps = self._step(pixels)
        self._recordings[size] = _Recording(graph, host, pixels, maps)
        return self._recordings[size]
