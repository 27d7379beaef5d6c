"""torch.compile: paid once at the start, by a compilation or two that serve every batch size."""

import torch

from streamwatch.inference.encoders.base import Encoder, Maps
from streamwatch.inference.engines.base import PRECISION_NAMES, Pass
from streamwatch.inference.engines.torch_eager import to_device


class CompiledEngine:
    """See Engine. The first call compiles; it raises whatever torch raises when there is no compiler."""

    name = "torch-compiled"

    def __init__(self, encoder: Encoder, device: torch.device, dtype: torch.dtype) -> None:
        self.precision = PRECISION_NAMES[dtype]
        self._device = device
        self._step = torch.compile(Pass(encoder, device, dtype), fullgraph=True)

    def __call__(self, batch: torch.Tensor) -> Maps:
        """See Engine."""
        # torch may compile anew for some sizes, for one picture always: only those that a warm-up has met may come.
        size = max(2, 1 << (len(batch) - 1).bit_length())
        filling = batch[-1:].expand(size - len(batch), -1, -1, -1)
        padded = torch.cat([batch, filling]) if len(filling) else batch
        with torch.no_grad():
            pixels = to_device(padded, self._device).contiguous(memory_format=torch.channels_last)
            torch._dynamo.mark_dynamic(pixels, 0)  # noqa: SLF001 - documented under this name
            last, middle = self._step(pixels)
        return Maps(last[: len(batch)], middle[: len(batch)])
